// Words of the guests' panel on the doctor's page.
import type { GuestRole } from "../protocol/types";
import { catalogue } from "./core";

export const sayGuest = catalogue(
  {
    invite: "Inviter une personne",
    invite_title: "Inviter une personne dans la consultation",
    invite_lead: "Elle verra et entendra le patient et vous. Demandez d'abord l'accord du patient.",
    role: "En tant que",
    role_specialist: "Spécialiste",
    role_interpreter: "Interprète",
    role_relative: "Proche",
    name: "Nom affiché à bord",
    name_place: "Ex. Mme Karam",
    make_link: "Créer le lien",
    making_link: "Création du lien…",
    cancel: "Annuler",
    link_title: "Lien pour {name}",
    link_until: "Valable 30 min, jusqu'à {time}, et une seule fois.",
    link_lead: "Envoyez-le à cette personne seulement, ou faites-le scanner.",
    link_label: "Lien d'invitation",
    copy: "Copier le lien",
    copied: "Copié",
    copy_failed: "Sélectionnez le lien et copiez-le vous-même.",
    code_label: "Code à scanner : le même lien",
    close: "Fermer",
    link_used: "Le lien a servi : la personne arrive.",
    show_link: "Voir le lien",
    remove: "Faire sortir",
    withdraw: "Retirer",
    remove_ask: "Faire sortir {name} ?",
    remove_yes: "Oui, faire sortir",
    guests: "Personnes invitées",
    state_invited: "n'a pas encore ouvert le lien",
    state_connecting: "se connecte…",
    state_present: "dans la consultation",
    state_away: "liaison coupée, retour tout seul",
    state_expired: "lien expiré sans avoir servi",
    state_refused: "connexion refusée par sécurité",
    refused_why: "Ce n'est pas le lien que vous avez donné, ou il a été modifié en route. Faites sortir et appelez cette personne au téléphone.",
    refused_key: "Invitée depuis une autre fenêtre : vous ne la voyez pas ici. Faites-la sortir et invitez-la de nouveau.",
    picture: "Image de {name}",
    no_picture: "sans image",
  },
  {
    invite: "Invite someone",
    invite_title: "Invite someone into the consultation",
    invite_lead: "They will see and hear the patient and you. Ask the patient first.",
    role: "As",
    role_specialist: "Specialist",
    role_interpreter: "Interpreter",
    role_relative: "Relative",
    name: "Name shown on board",
    name_place: "E.g. Ms Karam",
    make_link: "Make the link",
    making_link: "Making the link…",
    cancel: "Cancel",
    link_title: "Link for {name}",
    link_until: "Valid 30 min, until {time}, and once.",
    link_lead: "Send it to this person only, or let them scan it.",
    link_label: "Invitation link",
    copy: "Copy the link",
    copied: "Copied",
    copy_failed: "Select the link and copy it yourself.",
    code_label: "Code to scan: the same link",
    close: "Close",
    link_used: "The link was used: they are coming in.",
    show_link: "Show the link",
    remove: "Remove",
    withdraw: "Withdraw",
    remove_ask: "Remove {name} from the consultation?",
    remove_yes: "Yes, remove",
    guests: "People invited",
    state_invited: "has not opened the link yet",
    state_connecting: "connecting…",
    state_present: "in the consultation",
    state_away: "connection lost, coming back",
    state_expired: "link expired unused",
    state_refused: "connection refused for safety",
    refused_why: "It is not the link that you gave, or it was changed on the way. Remove them and call this person by telephone.",
    refused_key: "Invited from another window: you do not see them here. Remove them and invite them again.",
    picture: "Picture of {name}",
    no_picture: "no picture",
  },
);

export function roleWords(role: GuestRole): string {
  switch (role) {
    case "specialist":
      return sayGuest("role_specialist");
    case "interpreter":
      return sayGuest("role_interpreter");
    case "relative":
      return sayGuest("role_relative");
  }
}
