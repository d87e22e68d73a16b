"""Every word of the command line, in French and in English. French unless LANG says English."""

from __future__ import annotations

from collections.abc import Mapping

from .problem_words import PROBLEMS

FRENCH: Mapping[str, str] = {
    "about": "Parc de véhicules Passerelle, pour le support informatique.",
    "help.relay": "adresse du relais, par exemple https://relais.exemple:8443 (mémorisée à la connexion)",
    "help.ca": "certificat de l’autorité de l’exploitant (PEM), si le relais n’a pas un certificat public",
    "help.json": "écrire du JSON au lieu d’un tableau",
    "help.sign_in": "se connecter au relais", "help.sign_out": "se déconnecter",
    "help.account": "nom du compte", "help.password_file": "fichier qui contient le mot de passe (jamais en argument)",
    "help.vehicle": "ajouter un véhicule, refaire son code", "help.add": "créer un véhicule et son code à usage unique",
    "help.name": "nom du véhicule, tel que les médecins le liront", "help.territory": "territoire desservi",
    "help.code": "nouveau code pour un véhicule (code perdu, ordinateur remplacé)",
    "help.id": "identifiant du véhicule, première colonne de la liste",
    "help.list": "lister les véhicules", "help.revoke": "révoquer un véhicule : il est déconnecté aussitôt",
    "help.yes": "ne pas demander confirmation",
    "ask.account": "Compte : ", "ask.password": "Mot de passe : ",
    "ask.revoke": "Révoquer {vehicle} ? Le véhicule sera déconnecté et devra être recréé. [o/N] ", "yes": "o",
    "done.sign_in": "Connecté à {relay}.", "done.sign_out": "Déconnecté de {relay}.",
    "done.revoke": "Véhicule {vehicle} révoqué : il n’est plus accepté par le relais.",
    "done.kept": "Rien n’a été changé.",
    "done.code": "Code à usage unique du véhicule {vehicle}, valable jusqu’au {until} :\n\n    {code}\n\n"
                 "Il n’est affiché qu’une fois. Sur l’ordinateur du véhicule :\n"
                 "passerelle-gateway enrol CODE --relay {relay}",
    "list.empty": "Aucun véhicule. Pour en créer un : passerelle-fleet vehicle add NOM",
    "column.id": "Véhicule", "column.name": "Nom", "column.territory": "Territoire", "column.state": "État",
    "column.seen": "Vu", "column.release": "Version", "column.certificate": "Certificat",
    "column.call": "Dernier appel", "column.problems": "À signaler",
    "call": "voix bonne {voice} %, image bonne {picture} %", "call.outages": "coupures : {n}",
    "state.expected": "attendu", "state.active": "en service", "state.revoked": "révoqué",
    "seen.online": "en ligne", "seen.never": "jamais", "seen.minutes": "il y a {n} min", "seen.hours": "il y a {n} h",
    "seen.days": "il y a {n} j", "days": "{n} j",
    "relay.unreachable": "Le relais {relay} ne répond pas : vérifiez l’adresse et le réseau, puis recommencez.",
    "relay.certificate": "Le certificat du relais {relay} n’est pas reconnu : donnez celui de l’autorité avec --ca.",
    "relay.unknown": "Quel relais ? Indiquez-le avec --relay ADRESSE.",
    "relay.address": "L’adresse {relay} n’est pas utilisable : https://NOM[:PORT], ou http:// sur cette machine.",
    "relay.failed": "Le relais a rencontré une erreur ({code}) : consultez son journal, puis recommencez.",
    "relay.answer": "La réponse de {relay} n’est pas celle d’un relais Passerelle : vérifiez l’adresse.",
    "ca.unreadable": "Le fichier {file} n’est pas un certificat lisible : vérifiez --ca.",
    "session.needed": "Vous n’êtes pas connecté : passerelle-fleet --relay {relay} sign-in",
    "forbidden": "Ce compte n’est pas un compte du support : connectez-vous avec un autre compte.",
    "sign_in.refused": "Compte ou mot de passe refusé : vérifiez-les, puis recommencez.",
    "sign_in.wait": "Trop d’essais : attendez {seconds} s, puis recommencez.",
    "sign_in.provider": "Ce compte se connecte par son fournisseur d’identité, pas ici.",
    "password.unreadable": "Le fichier {file} ne peut pas être lu : vérifiez --password-file.",
    "password.missing": "Pas de mot de passe : donnez --password-file, ou lancez la commande dans un terminal.",
    "account.missing": "Pas de compte : donnez --account, ou lancez la commande dans un terminal.",
    "state.unwritable": "Impossible d’écrire {file} : {reason}.",
    "vehicle.unknown": "Aucun véhicule {vehicle} : voyez passerelle-fleet list.",
    "vehicle.revoked": "Le véhicule {vehicle} est révoqué : créez-en un nouveau avec passerelle-fleet vehicle add.",
    "request.malformed": "Le relais refuse la demande : {reason}.",
    "refused": "Le relais refuse la demande ({code}).",
}

ENGLISH: Mapping[str, str] = {
    "about": "The Passerelle fleet, for IT support.",
    "help.relay": "the relay's address, such as https://relay.example:8443 (remembered at sign-in)",
    "help.ca": "certificate of the operator's CA (PEM), when the relay has no public certificate",
    "help.json": "write JSON instead of a table",
    "help.sign_in": "sign in to the relay", "help.sign_out": "sign out",
    "help.account": "name of the account", "help.password_file": "a file that holds the password (never an argument)",
    "help.vehicle": "add a vehicle, make its code again", "help.add": "create a vehicle and its one-time code",
    "help.name": "name of the vehicle, as doctors will read it", "help.territory": "territory it serves",
    "help.code": "another code for a vehicle (code lost, computer replaced)",
    "help.id": "identifier of the vehicle, first column of the list",
    "help.list": "list the vehicles", "help.revoke": "revoke a vehicle: it is disconnected at once",
    "help.yes": "do not ask for confirmation",
    "ask.account": "Account: ", "ask.password": "Password: ",
    "ask.revoke": "Revoke {vehicle}? The vehicle will be disconnected and has to be created again. [y/N] ", "yes": "y",
    "done.sign_in": "Signed in to {relay}.", "done.sign_out": "Signed out of {relay}.",
    "done.revoke": "Vehicle {vehicle} revoked: the relay no longer accepts it.",
    "done.kept": "Nothing was changed.",
    "done.code": "One-time code of vehicle {vehicle}, good until {until}:\n\n    {code}\n\n"
                 "It is shown only once. On the vehicle's computer:\n"
                 "passerelle-gateway enrol CODE --relay {relay}",
    "list.empty": "No vehicle. To create one: passerelle-fleet vehicle add NAME",
    "column.id": "Vehicle", "column.name": "Name", "column.territory": "Territory", "column.state": "State",
    "column.seen": "Seen", "column.release": "Release", "column.certificate": "Certificate",
    "column.call": "Last call", "column.problems": "To look at",
    "call": "voice good {voice} %, picture good {picture} %", "call.outages": "outages: {n}",
    "state.expected": "expected", "state.active": "in service", "state.revoked": "revoked",
    "seen.online": "online", "seen.never": "never", "seen.minutes": "{n} min ago", "seen.hours": "{n} h ago",
    "seen.days": "{n} d ago", "days": "{n} d",
    "relay.unreachable": "The relay {relay} does not answer: check the address and the network, then try again.",
    "relay.certificate": "The certificate of the relay {relay} is not known: give its authority's with --ca.",
    "relay.unknown": "Which relay? Give it with --relay ADDRESS.",
    "relay.address": "The address {relay} cannot be used: https://NAME[:PORT], or http:// on this machine only.",
    "relay.failed": "The relay had an error ({code}): look at its log, then try again.",
    "relay.answer": "The answer of {relay} is not a Passerelle relay's: check the address.",
    "ca.unreadable": "The file {file} is not a readable certificate: check --ca.",
    "session.needed": "You are not signed in: passerelle-fleet --relay {relay} sign-in",
    "forbidden": "This account is not one of support: sign in with another account.",
    "sign_in.refused": "Account or password refused: check them, then try again.",
    "sign_in.wait": "Too many attempts: wait {seconds} s, then try again.",
    "sign_in.provider": "This account signs in with its identity provider, not here.",
    "password.unreadable": "The file {file} cannot be read: check --password-file.",
    "password.missing": "No password: give --password-file, or run the command in a terminal.",
    "account.missing": "No account: give --account, or run the command in a terminal.",
    "state.unwritable": "Cannot write {file}: {reason}.",
    "vehicle.unknown": "No vehicle {vehicle}: see passerelle-fleet list.",
    "vehicle.revoked": "Vehicle {vehicle} is revoked: create another one with passerelle-fleet vehicle add.",
    "request.malformed": "The relay refuses the request: {reason}.",
    "refused": "The relay refuses the request ({code}).",
}


class Words:
    """The words of one language."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        # The order of POSIX locale variables (POSIX.1-2017, section 8.2).
        language = next((environment[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(name)), "")
        self._english = language.lower().startswith("en")
        self._words = ENGLISH if self._english else FRENCH

    def __call__(self, key: str, /, **facts: str) -> str:
        """The text of a key with its facts filled in; a fact that is not there stays empty."""
        return self._words[key].format_map(_Facts(facts))

    def problem(self, code: str, subject: str) -> str:
        """What a vehicle says is wrong with it; an instrument is named, a code without words is shown as it is."""
        text = PROBLEMS[code][self._english] if code in PROBLEMS else code
        return f"{text} ({subject})" if subject and code.partition(".")[0] in ("instrument", "radio") else text

    def refusal(self, code: str, facts: Mapping[str, str]) -> str:
        """The sentence of an error, whichever code it has."""
        return self(code, **facts) if code in self._words else self("refused", **{**facts, "code": code})


class _Facts(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return ""
