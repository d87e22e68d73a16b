"""What vehicles say is wrong with them, in words for IT support: French, English."""

from __future__ import annotations

from collections.abc import Mapping

PROBLEMS: Mapping[str, tuple[str, str]] = {
    "camera.absent": ("caméra absente", "camera missing"),
    "camera.missing": ("caméra absente", "camera missing"),
    "certificate.expires_soon": ("certificat à renouveler", "certificate to renew"),
    "certificate.expired": ("certificat expiré", "certificate expired"),
    "certificate.not_yet_valid": ("certificat pas encore valable : horloge ?", "certificate not yet valid: clock?"),
    "clock.wrong": ("horloge fausse", "clock wrong"),
    "encoder.hardware_absent": ("encodeur vidéo absent", "video encoder missing"),
    "encoder.hardware_failed": ("encodeur vidéo en panne", "video encoder failed"),
    "encoder.hardware_headers": ("encodeur vidéo inutilisable (en-têtes)", "video encoder unusable (headers)"),
    "encoder.hardware_keyframes": ("encodeur vidéo inutilisable (images clés)", "video encoder unusable (keyframes)"),
    "encoder.hardware_late": ("encodeur vidéo trop lent", "video encoder too slow"),
    "encoder.hardware_profile": ("encodeur vidéo inutilisable (profil)", "video encoder unusable (profile)"),
    "encoder.hardware_rate": ("encodeur vidéo inutilisable (débit)", "video encoder unusable (rate)"),
    "instrument.crashed": ("instrument en panne", "instrument failed"),
    "instrument.silent": ("instrument muet", "instrument silent"),
    "instrument.unplugged": ("instrument débranché", "instrument unplugged"),
    "power.low": ("batterie faible", "battery low"),
    "printer.absent": ("imprimante absente", "printer missing"),
    "printer.door": ("capot d’imprimante ouvert", "printer door open"),
    "printer.failed": ("imprimante en panne", "printer failed"),
    "printer.folder": ("dossier d’impression inaccessible", "print folder unusable"),
    "printer.jam": ("bourrage papier", "paper jam"),
    "printer.no_cups": ("service d’impression arrêté", "print service stopped"),
    "printer.paper": ("plus de papier", "out of paper"),
    "printer.toner": ("plus d’encre", "out of toner"),
    "radio.bond_needed": ("appairage à refaire", "pairing to be made again"),
    "radio.missing": ("Bluetooth absent", "Bluetooth missing"),
    "store.corrupt": ("données locales endommagées", "local data damaged"),
    "store.full": ("disque plein", "disk full"),
    "store.io": ("disque défaillant", "disk failing"),
    "store.nearly_full": ("disque presque plein", "disk nearly full"),
}
"""An unknown code is shown as it came: a newer vehicle may know more than this command."""
