// What instruments, radio, cameras, stethoscope, pairing and readings' codes mean to the nurse.
import { w, type Words } from "./kiosk_words";

/** The radio of the unit, which all wireless instruments share. */
const RADIO: Record<string, Words> = {
  "radio.hung": w("La radio Bluetooth du poste est bloquée.", "Le poste la relance seul en deux minutes. Les mesures restent dans les appareils.", "The unit's Bluetooth radio hangs.", "The unit restarts it by itself within two minutes. Readings stay in the devices."),
  "radio.silent": w("La radio Bluetooth n'entend plus rien.", "Le poste la relance seul en deux minutes. Les mesures restent dans les appareils.", "The Bluetooth radio hears nothing any more.", "The unit restarts it by itself within two minutes. Readings stay in the devices."),
  "radio.refusing": w("La radio Bluetooth refuse les liaisons.", "Le poste la relance seul en deux minutes. Les mesures restent dans les appareils.", "The Bluetooth radio refuses connections.", "The unit restarts it by itself within two minutes. Readings stay in the devices."),
  "radio.off": w("La radio Bluetooth est éteinte.", "Le poste la rallume seul.", "The Bluetooth radio is off.", "The unit turns it on by itself."),
  "radio.no_bus": w("Le Bluetooth du poste ne démarre pas.", "Les appareils à câble marchent. Appelez l'assistance.", "The unit's Bluetooth does not start.", "Devices with a cable work. Call support."),
  "radio.no_agent": w("Le poste ne peut pas associer d'appareil.", "Les appareils déjà associés marchent. Appelez l'assistance.", "The unit cannot pair a device.", "Devices paired already work. Call support."),
  "radio.notify_refused": w("L'appareil n'envoie pas ses mesures.", "Éteignez-le, rallumez-le ; si cela se répète, associez-le de nouveau.", "The device does not send its readings.", "Turn it off and on; if it happens again, pair it anew."),
  "radio.not_forgotten": w("L'appareil n'a pas pu être oublié.", "Recommencez dans un instant.", "The device could not be forgotten.", "Try again in a moment."),
  "radio.uncontrolled": w("Le poste ne peut pas relancer sa radio.", "Débranchez et rebranchez sa clé Bluetooth.", "The unit cannot restart its radio.", "Unplug its Bluetooth key and plug it in again."),
  "radio.restart_failed": w("La radio n'a pas pu être relancée.", "Débranchez et rebranchez sa clé Bluetooth.", "The radio could not be restarted.", "Unplug its Bluetooth key and plug it in again."),
  "radio.step_record": w("Le poste nettoie sa radio Bluetooth.", "Rien à faire : quelques secondes suffisent.", "The unit is clearing its Bluetooth radio.", "Nothing to do: it takes a few seconds."),
  "radio.step_power": w("Le poste éteint et rallume sa radio Bluetooth.", "Rien à faire : quelques secondes suffisent.", "The unit turns its Bluetooth radio off and on.", "Nothing to do: it takes a few seconds."),
  "radio.step_service": w("Le poste relance son Bluetooth.", "Rien à faire : une minute suffit. Les mesures restent dans les appareils.", "The unit is restarting its Bluetooth.", "Nothing to do: it takes a minute. Readings stay in the devices."),
  "radio.step_failed": w("La radio n'a pas pu être relancée.", "Débranchez et rebranchez sa clé Bluetooth.", "The radio could not be restarted.", "Unplug its Bluetooth key and plug it in again."),
  "radio.step_refused": w("Le poste n'a pas le droit de relancer son Bluetooth.", "Débranchez et rebranchez sa clé ; prévenez l'assistance.", "The unit may not restart its Bluetooth.", "Unplug its key and plug it in again; tell support."),
};

const LIFE: Record<string, Words> = {
  "instrument.configured": w("Cet instrument fait partie du bus.", "Il ne s'oublie pas ici. L'assistance peut le retirer.", "This instrument belongs to the bus.", "It is not forgotten here. Support can remove it."),
  "instrument.disk_full": w("La mémoire de l'appareil est pleine.", "L'assistance dit comment la vider.", "The device's memory is full.", "Support says how to empty it."),
  "instrument.drain_failed": w("La mémoire de l'appareil n'a pas été lue.", "Elle y reste. Rallumez l'appareil : le poste réessaie.", "The device's memory was not read.", "It stays there. Turn the device on again: the unit tries anew."),
  "instrument.drain_refused": w("L'appareil refuse de donner sa mémoire.", "Elle y reste. Rallumez l'appareil : le poste réessaie.", "The device refuses to give its memory.", "It stays there. Turn the device on again: the unit tries anew."),
  "instrument.live_unreadable": w("Ce que l'appareil montre pendant la mesure ne se lit pas.", "Le résultat peut arriver quand même.", "What the device shows while measuring cannot be read.", "The result may come all the same."),
  "instrument.number": w("Ce numéro est déjà pris.", "Choisissez-en un autre.", "This number is taken already.", "Choose another."),
  "instrument.racp_unreadable": w("La réponse de la mémoire de l'appareil ne se lit pas.", "Ses mesures y restent. Rallumez-le : le poste réessaie.", "The answer of the device's memory cannot be read.", "Its readings stay there. Turn it on again: the unit tries anew."),
  "instrument.record_again": w("L'appareil a renvoyé une mesure déjà gardée.", "Elle n'est comptée qu'une fois.", "The device sent a reading again that is kept already.", "It counts only once."),
  "instrument.record_unreadable": w("Une mesure de la mémoire de l'appareil ne se lit pas.", "Elle est gardée telle quelle. Recommencez la mesure.", "A reading of the device's memory cannot be read.", "It is kept as it came. Measure again."),
  "instrument.slot_unreadable": w("Une case de la mémoire de l'appareil ne se lit pas.", "Elle est gardée telle quelle. Recommencez la mesure.", "A slot of the device's memory cannot be read.", "It is kept as it came. Measure again."),
  "instrument.unknown_model": w("Ce modèle n'est pas connu du poste.", "Prenez celui du bus ou appelez l'assistance.", "This model is not known to the unit.", "Take the one of the bus or call support."),
  "instrument.visit_failed": w("La liaison avec l'appareil n'a pas abouti.", "La mesure reste dans l'appareil. Rapprochez-le et rallumez-le.", "The connection with the device failed.", "The reading stays in the device. Bring it closer and turn it on again."),
};

const TRACES: Record<string, Words> = {
  "ecg.lead_off": w("Une électrode est décollée.", "Appuyez sur chaque électrode, remplacez celle qui ne colle plus.", "An electrode is off.", "Press each electrode, replace one that does not stick."),
  "ecg.saturated": w("Le signal de l'ECG sature.", "Vérifiez les électrodes : peau propre et sèche, câble non tiré.", "The ECG's signal saturates.", "Check the electrodes: clean dry skin, cable not pulled."),
  "ecg.mains": w("Le secteur parasite l'ECG.", "Éloignez les câbles électriques, débranchez le chargeur de l'appareil.", "Mains power disturbs the ECG.", "Move power cables away, unplug the device's charger."),
  "ecg.mismatch": w("Deux électrodes sont peut-être inversées.", "Vérifiez bras droit et bras gauche.", "Two electrodes may be swapped.", "Check right and left arm."),
  "ecg.no_lead": w("Cet enregistrement n'a aucune dérivation connue.", "Il est gardé tel quel. Refaites l'ECG.", "This recording has no lead that is known.", "It is kept as it came. Take the ECG again."),
  "ecg.rate": w("La cadence de cet ECG n'est pas connue.", "Il est gardé tel quel. Refaites l'ECG.", "This ECG's rate is not known.", "It is kept as it came. Take the ECG again."),
  "ecg.scale": w("L'échelle de cet ECG n'est pas connue.", "Il est gardé tel quel. Refaites l'ECG.", "This ECG's scale is not known.", "It is kept as it came. Take the ECG again."),
  "ecg.too_long": w("Cet enregistrement est trop long.", "Il est gardé tel quel. Refaites un ECG plus court.", "This recording is too long.", "It is kept as it came. Take a shorter ECG."),
  "ecg.unknown_format": w("Le fichier du chariot ECG ne se lit pas.", "Il est gardé tel quel. Refaites l'ECG, ou appelez l'assistance.", "The ECG cart's file cannot be read.", "It is kept as it came. Take the ECG again, or call support."),
  "ctg.no_heart_rate": w("Le rythme du fœtus n'est pas capté.", "Déplacez le capteur ultrason, remettez du gel.", "The fetal heart rate is not heard.", "Move the ultrasound transducer, add gel."),
  "pmd.in_charger": w("La ceinture est dans son chargeur.", "Mettez-la au patient, puis démarrez.", "The belt is in its charger.", "Put it on the patient, then start."),
  "pmd.already": w("La ceinture mesure déjà.", "Arrêtez, puis redémarrez.", "The belt is measuring already.", "Stop, then start again."),
  "pmd.disk_full": w("La mémoire de la ceinture est pleine.", "L'assistance dit comment la vider.", "The belt's memory is full.", "Support says how to empty it."),
  "pmd.stopped": w("La ceinture a arrêté sa mesure.", "Redémarrez-la.", "The belt stopped measuring.", "Start it again."),
  "waveform.lost": w("Le tracé s'est perdu.", "Ce qui est enregistré est gardé. Redémarrez-le.", "The trace was lost.", "What was recorded is kept. Start it again."),
  "waveform.not_restarted": w("Le tracé n'a pas pu être relancé.", "Ce qui est enregistré est gardé. Redémarrez-le.", "The trace could not be started again.", "What was recorded is kept. Start it again."),
};

const PICTURES: Record<string, Words> = {
  "camera.no_signal": w("Aucune image ne vient de l'appareil.", "Allumez l'échographe et vérifiez son câble vidéo.", "No picture comes from the device.", "Turn the ultrasound machine on and check its video cable."),
  "camera.bus_full": w("Trop de caméras marchent à la fois.", "Fermez une caméra, ou branchez celle-ci sur une autre prise.", "Too many cameras run at once.", "Close one, or plug this one into another socket."),
  "camera.mode_refused": w("La caméra refuse ce format d'image.", "Débranchez et rebranchez-la ; sinon appelez l'assistance.", "The camera refuses this picture format.", "Unplug it and plug it in again; otherwise call support."),
  "camera.crashed": w("La caméra s'est arrêtée.", "Elle est relancée toute seule.", "The camera stopped.", "It is restarted by itself."),
  "camera.away": w("La caméra ne donne plus d'image.", "Vérifiez son câble : l'image revient seule.", "The camera gives no picture any more.", "Check its cable: the picture comes back by itself."),
  "still.busy": w("Une photo est déjà en cours.", "Attendez une seconde.", "A photo is being taken already.", "Wait a second."),
  "still.like_unknown": w("La photo de comparaison n'est plus là.", "Choisissez-en une autre, ou gardez celle-ci seule.", "The photo to compare with is gone.", "Choose another, or keep this one alone."),
  "still.not_jpeg": w("La photo ne se lit pas.", "Reprenez-la.", "The photo cannot be read.", "Take it again."),
  "still.not_baseline": w("La photo n'est pas au bon format.", "Reprenez-la.", "The photo is not in the right format.", "Take it again."),
  "stethoscope.quiet": w("On n'entend presque rien.", "Posez le pavillon sur la peau, appuyez un peu.", "Almost nothing is heard.", "Put the chest piece on the skin, press a little."),
  "stethoscope.silent": w("Le stéthoscope ne donne aucun son.", "Allumez-le ; débranchez et rebranchez son câble.", "The stethoscope gives no sound.", "Turn it on; unplug its cable and plug it in again."),
  "stethoscope.unplugged": w("Le stéthoscope est débranché.", "Vérifiez son câble : il est repris seul.", "The stethoscope is unplugged.", "Check its cable: it is taken up by itself."),
  "stethoscope.missing": w("Le stéthoscope est introuvable.", "Vérifiez son câble : il est repris seul.", "The stethoscope is not found.", "Check its cable: it is taken up by itself."),
  "stethoscope.busy": w("Un autre programme tient le stéthoscope.", "Débranchez et rebranchez-le.", "Another program holds the stethoscope.", "Unplug it and plug it in again."),
  "stethoscope.refused": w("Le poste n'a pas le droit d'utiliser le stéthoscope.", "Appelez l'assistance.", "The unit may not use the stethoscope.", "Call support."),
  "stethoscope.away": w("Le stéthoscope ne donne plus de son.", "Vérifiez son câble : il est repris seul.", "The stethoscope gives no sound any more.", "Check its cable: it is taken up by itself."),
};

const PAIRING: Record<string, Words> = {
  "pairing.busy": w("Un appareil est en cours d'association.", "Attendez la fin.", "A device is being paired.", "Wait until it is done."),
  "pairing.ended": w("L'association est abandonnée.", "Rien n'a changé.", "Pairing was given up.", "Nothing changed."),
  "pairing.failed": w("Le poste n'a pas pu associer l'appareil.", "Éteignez-le, rallumez-le, puis recommencez ; si cela se répète, appelez l'assistance.", "The unit could not pair the device.", "Turn it off and on, then try again; if it happens again, call support."),
  "pairing.gone": w("L'appareil ne se fait plus entendre.", "Remettez-le en mode association, près du poste, puis choisissez-le.", "The device is no longer heard.", "Put it into pairing mode again, near the unit, then choose it."),
  "pairing.no_bond": w("L'appareil a refusé l'association.", "Remettez-le en mode association et recommencez. Si un code était demandé, relisez-le.", "The device refused to pair.", "Put it into pairing mode and try again. If a code was asked for, read it again."),
  "pairing.no_number": w("Tous les numéros sont pris.", "Oubliez un appareil qui n'est plus à bord, puis recommencez.", "Every number is taken.", "Forget a device that is no longer on board, then try again."),
  "pairing.no_passkey": w("Aucun code n'est attendu.", "Regardez l'écran de l'appareil et recommencez.", "No code is awaited.", "Look at the device's display and try again."),
  "pairing.not_open": w("L'association est fermée.", "Touchez « Ajouter un appareil ».", "Pairing is closed.", "Touch “Add a device”."),
  "pairing.bond_left": w("L'appareil est oublié ici.", "S'il refuse un autre poste, remettez-le en mode association.", "The device is forgotten here.", "If it refuses another unit, put it into pairing mode."),
};

/** Why a measurement has no value: never a number, always what to do. */
const REFUSED: Record<string, Words> = {
  "glucose.control_solution": w("C'est la solution de contrôle.", "Ce n'est pas une mesure du patient. Refaites-la avec une goutte de sang.", "It is the control solution.", "It is no reading of the patient. Measure again with a drop of blood."),
  "glucose.empty_slot": w("La case de mémoire du lecteur est vide.", "Ce n'est pas une mesure. Refaites-la.", "The meter's memory slot is empty.", "It is no reading. Measure again."),
  "glucose.ketone": w("C'est une mesure de corps cétoniques, pas de glycémie.", "Elle est gardée à part. Prenez une bandelette de glycémie.", "It is a ketone reading, not glucose.", "It is kept aside. Take a glucose strip."),
  "glucose.no_value": w("Le lecteur n'a donné aucune valeur.", "Prenez une bandelette neuve et recommencez.", "The meter gave no value.", "Take a new strip and measure again."),
  "blood_pressure.no_value": w("Le tensiomètre n'a pas pu mesurer.", "Resserrez le brassard, patient immobile, et recommencez.", "The monitor could not measure.", "Tighten the cuff, the patient still, and measure again."),
  "temperature.no_value": w("Le thermomètre n'a pas pu mesurer.", "Replacez-le et recommencez.", "The thermometer could not measure.", "Place it again and measure again."),
  "oximetry.no_value": w("L'oxymètre n'a pas pu mesurer.", "Réchauffez le doigt, sans vernis, et recommencez.", "The oximeter could not measure.", "Warm the finger, no varnish, and measure again."),
  "oximetry.no_finger": w("Aucun doigt dans l'oxymètre.", "Placez le doigt jusqu'au fond, immobile.", "No finger in the oximeter.", "Put the finger in to the end and keep it still."),
  "oximetry.demonstration": w("L'oxymètre montre sa démonstration.", "Ce n'est pas une mesure. Éteignez-le et rallumez-le.", "The oximeter shows its demonstration.", "It is no reading. Turn it off and on."),
  "oximetry.test": w("L'oxymètre s'essaie lui-même.", "Ce n'est pas une mesure. Attendez, puis recommencez.", "The oximeter tests itself.", "It is no reading. Wait, then measure again."),
  "oximetry.calibration": w("L'oxymètre s'étalonne.", "Attendez, puis recommencez.", "The oximeter is calibrating.", "Wait, then measure again."),
  "oximetry.unavailable": w("L'oxymètre dit que la mesure est impossible.", "Replacez le doigt, immobile et chaud.", "The oximeter says it cannot measure.", "Place the finger again, warm and still."),
  "oximetry.invalid": w("L'oxymètre dit que la mesure n'est pas valable.", "Replacez le doigt, immobile et chaud, et recommencez.", "The oximeter says the reading is not valid.", "Place the finger again, warm and still, and measure again."),
  "weight.unsuccessful": w("La balance n'a pas pu peser.", "Le patient redescend, attend, remonte et ne bouge plus.", "The scale could not weigh.", "The patient steps off, waits, steps on and keeps still."),
  "body_composition.unsuccessful": w("La composition du corps n'a pas pu être mesurée.", "Pieds nus et secs, sur les plaques, sans bouger.", "Body composition could not be measured.", "Bare dry feet on the plates, keeping still."),
  "omron.empty_slot": w("La case de mémoire du tensiomètre est vide.", "Ce n'est pas une mesure. Refaites-la.", "The monitor's memory slot is empty.", "It is no reading. Measure again."),
  "omron.measurement_failed": w("Le tensiomètre n'a pas pu mesurer.", "Resserrez le brassard, patient immobile, et recommencez.", "The monitor could not measure.", "Tighten the cuff, the patient still, and measure again."),
  "omron.key_refused": w("Le tensiomètre refuse la clé de ce poste.", "Ses mesures y restent. Associez-le de nouveau : touchez Instruments en haut.", "The monitor refuses this unit's key.", "Its readings stay there. Pair it anew: touch Instruments above."),
  "omron.model_unknown": w("Ce modèle de tensiomètre n'est pas connu.", "Sa réponse est gardée telle quelle. Prenez celui du bus.", "This model of monitor is not known.", "Its answer is kept as it came. Take the one of the bus."),
  "measurement.intermediate": w("C'est une valeur intermédiaire, pas un résultat.", "Laissez l'appareil finir.", "It is an intermediate value, not a result.", "Let the device finish."),
};

const TRAY: Record<string, Words> = {
  "tray.nobody_named": w("Le chariot ne dit pas de qui il est.", "À qui appartient-il ?", "The cart does not say whose it is.", "Whose is it?"),
  "tray.other_patient": w("Le chariot l'a enregistré sous un autre nom.", "Vérifiez l'identité : à qui appartient-il ?", "The cart recorded it under another name.", "Check the identity: whose is it?"),
};

/** Quality that the instrument itself doubts: what to do about it. Flags without an entry are said as the doctor reads them. */
const FLAGS: Record<string, Words> = {
  clock_not_set: w("L'horloge de l'appareil n'est pas réglée.", "Le poste la règle seul à la prochaine liaison.", "The device's clock is not set.", "The unit sets it at the next connection."),
  control_solution: w("Solution de contrôle.", "Ce n'est pas une mesure du patient.", "Control solution.", "It is no reading of the patient."),
  no_contact: w("Le capteur ne touche pas bien la peau.", "Humidifiez, serrez, recommencez.", "The sensor does not touch the skin well.", "Moisten, tighten, measure again."),
  contact_lost: w("Le capteur ne touche pas bien la peau.", "Humidifiez, serrez, recommencez.", "The sensor does not touch the skin well.", "Moisten, tighten, measure again."),
  questionable: w("L'appareil doute de sa mesure.", "Patient immobile, recommencez.", "The device doubts its reading.", "Keep the patient still, measure again."),
  finger_misplaced: w("Doigt mal placé.", "Doigt jusqu'au fond, ongle vers le haut.", "Finger misplaced.", "Finger in to the end, nail up."),
  movement: w("Le patient a bougé.", "Refaites la mesure au repos.", "The patient moved.", "Measure again at rest."),
  cuff_fit: w("Brassard mal serré.", "Resserrez-le et recommencez.", "Cuff badly fitted.", "Tighten it and measure again."),
  low_perfusion: w("Le sang circule peu dans le doigt.", "Réchauffez la main et recommencez.", "Little blood flows in the finger.", "Warm the hand and measure again."),
  low_perfusion_detected: w("Le sang circule peu dans le doigt.", "Réchauffez la main et recommencez.", "Little blood flows in the finger.", "Warm the hand and measure again."),
  sample_size_insufficient: w("La goutte de sang est trop petite.", "Bandelette neuve, goutte plus grosse.", "The drop of blood is too small.", "New strip, larger drop."),
  strip_insertion_error: w("Bandelette mal insérée.", "Prenez-en une neuve, enfoncez-la jusqu'au bout.", "Strip badly inserted.", "Take a new one, push it in to the end."),
  strip_type_incorrect: w("Ce n'est pas la bonne bandelette.", "Prenez celles de ce lecteur.", "This is not the right strip.", "Take those of this meter."),
  sensor_result_too_high: w("Au-dessus de l'échelle du lecteur.", "Prévenez le médecin tout de suite.", "Above the meter's scale.", "Tell the doctor at once."),
  sensor_result_too_low: w("Au-dessous de l'échelle du lecteur.", "Prévenez le médecin tout de suite.", "Below the meter's scale.", "Tell the doctor at once."),
  sensor_temperature_too_high: w("Le lecteur est trop chaud.", "Laissez-le refroidir et recommencez.", "The meter is too warm.", "Let it cool and measure again."),
  sensor_temperature_too_low: w("Le lecteur est trop froid.", "Réchauffez-le et recommencez.", "The meter is too cold.", "Warm it and measure again."),
  sensor_read_interrupted: w("La bandelette a été retirée trop tôt.", "Prenez-en une neuve et attendez la fin.", "The strip was pulled too early.", "Take a new one and wait for the end."),
  device_battery_low: w("La pile de l'appareil est faible.", "Changez-la après ce patient.", "The device's battery is low.", "Change it after this patient."),
  low_battery: w("La pile de l'appareil est faible.", "Changez-la après ce patient.", "The device's battery is low.", "Change it after this patient."),
};

export const INSTRUMENT_WORDS: Record<string, Words> = { ...RADIO, ...LIFE, ...TRACES, ...PICTURES, ...PAIRING, ...REFUSED, ...TRAY, ...FLAGS };

const unreadable = w("La réponse de l'appareil ne se lit pas.", "Elle est gardée telle quelle. Recommencez la mesure.", "The device's answer cannot be read.", "It is kept as it came. Measure again.");
const recording = w("Le fichier du chariot ECG ne se lit pas.", "Il est gardé tel quel. Refaites l'ECG, ou appelez l'assistance.", "The ECG cart's file cannot be read.", "It is kept as it came. Take the ECG again, or call support.");

/** Decoders: one sentence says all that a nurse can do; the code stands small behind it, for support. */
export const DECODERS: Record<string, Words> = Object.fromEntries([
  ...["battery", "body_composition", "characteristic", "contec", "current_time", "device_information", "feature", "frame", "glucose", "heart_rate", "measurement", "nonin", "omron",
    "oximetry", "pmd", "pulse_oximeter", "racp", "sfloat", "float", "system_id", "temperature", "thermometer", "vendor", "viatom", "weight", "yonker", "decode"]
    .map((family) => [family, unreadable] as const),
  ...["dicom", "edf", "recording"].map((family) => [family, recording] as const),
]);

/** A family's words, for a code of it that has none of its own. */
export const INSTRUMENT_FAMILIES: Record<string, Words> = {
  ...DECODERS,
  pairing: w("L'association n'a pas abouti.", "Remettez l'appareil en mode association et recommencez.", "Pairing failed.", "Put the device into pairing mode and try again."),
  stethoscope: w("Le stéthoscope ne marche pas.", "Débranchez et rebranchez son câble.", "The stethoscope does not work.", "Unplug its cable and plug it in again."),
  ctg: w("Le monitoring fœtal ne répond pas comme il faut.", "Vérifiez ses capteurs et son câble, puis recommencez.", "The fetal monitor does not answer as it should.", "Check its transducers and cable, then try again."),
  cuff: w("Le tensiomètre ne répond pas comme il faut.", "La mesure reste dans l'appareil. Rapprochez-le et appuyez sur son bouton.", "The monitor does not answer as it should.", "The reading stays in the device. Bring it closer and press its button."),
  visit: w("L'heure de l'appareil n'a pas pu être réglée.", "Sa mesure est gardée. Le poste réessaie à la prochaine liaison.", "The device's clock could not be set.", "Its reading is kept. The unit tries again at the next connection."),
};
