"""The page of a prescription in Typst. Every word of a person comes in as data and is set as text, never as code."""

PAGE = r'''
#let d = json(bytes(sys.inputs.data))
#let ink = rgb("#10233a")
#let soft = rgb("#56657a")
#let rule = rgb("#b9c3d0")

#set document(title: d.title, author: d.prescriber.name, description: d.description, keywords: ("ordonnance",),
  date: datetime(..d.moment))
#set text(font: "Libertinus Serif", size: 10.5pt, fill: ink, lang: "fr", region: "FR", hyphenate: false)
#set par(leading: 0.55em, spacing: 0.55em)
#set page(paper: "a4", margin: (left: 22mm, right: 22mm, top: 18mm, bottom: 24mm),
  background: if d.demo {
    place(center + horizon, rotate(-54deg, box(width: 250mm, align(center,
      text(size: 40pt, weight: "bold", fill: rgb("#f4e9e9"), tracking: 1pt)[DÉMONSTRATION – sans valeur]))))
  },
  footer-descent: 8mm,
  footer: context {
    set text(size: 8pt, fill: soft)
    line(length: 100%, stroke: 0.4pt + rule)
    v(1.5mm, weak: true)
    grid(columns: (1fr, auto), column-gutter: 6mm,
      [Ordonnance #d.prescription_id · #d.patient.short],
      {
        if counter(page).get() < counter(page).final() [suite page suivante · ]
        [page #counter(page).display("1/1", both: true)]
      })
  })

// A word longer than the line would run off the paper: it may break anywhere.
#show regex("[^\s\-]{36,}"): it => it.text.clusters().join("\u{200B}")

#let label(it) = text(size: 7.5pt, fill: soft, tracking: 0.6pt, upper(it))

// Who prescribes, and when.
#grid(columns: (1fr, auto), column-gutter: 8mm,
  {
    text(size: 15pt, weight: "bold", d.prescriber.name)
    linebreak()
    text(size: 11pt, (d.prescriber.title, d.prescriber.speciality).filter(part => part != "").join(" · "))
    v(1.5mm)
    set text(size: 9pt, fill: soft)
    [RPPS #d.prescriber.rpps]
    linebreak()
    d.prescriber.address
    linebreak()
    [#d.prescriber.phone · #d.prescriber.email]
  },
  align(right, {
    text(size: 15pt, tracking: 1.5pt, fill: ink, upper("Ordonnance"))
    linebreak()
    text(size: 10pt)[le #d.date]
    linebreak()
    text(size: 9pt, fill: soft)[établie lors d’une téléconsultation]
    if d.demo {
      linebreak()
      text(size: 9pt, weight: "bold", fill: rgb("#a12622"))[DÉMONSTRATION – sans valeur]
    }
  }))
#v(4mm)
#line(length: 100%, stroke: 0.8pt + ink)
#v(4mm)

// For whom.
#block(width: 100%, stroke: 0.6pt + rule, radius: 2pt, inset: (x: 4mm, y: 3mm), {
  grid(columns: (1fr, auto), column-gutter: 6mm, align: (left, right),
    {
      label("Patient")
      linebreak()
      text(size: 12pt)[*#upper(d.patient.family_name)* #d.patient.given_name]
    },
    {
      label(d.patient.sex_word)
      linebreak()
      [#d.patient.born, #d.patient.age]
      if d.patient.weight != "" [ · #d.patient.weight kg]
    })
})
#v(6mm)

// What.
#for (number, entry) in d.lines.enumerate(start: 1) {
  block(breakable: false, sticky: number == d.lines.len() and not d.note_is_long, width: 100%, below: 5.5mm,
    grid(columns: (8mm, 1fr), column-gutter: 2mm,
      text(size: 11.5pt, weight: "bold", fill: soft)[#number.],
      {
        text(size: 11.5pt, weight: "bold", entry.drug)
        if entry.product != "" { text(size: 11.5pt)[, #entry.product] }
        v(1.2mm)
        entry.posology
        v(1.2mm)
        emph(entry.how_long)
        if entry.not_substitutable != "" {
          linebreak()
          text(size: 10pt, weight: "bold", entry.not_substitutable)
        }
      }))
}
#if d.note.len() > 0 {
  block(sticky: not d.note_is_long, width: 100%, inset: (left: 10mm), below: 5mm, {
    label("Remarques")
    linebreak()
    d.note.join(linebreak())
  })
}

// The signature stands directly under the last line; what is left below it is struck out.
#block(breakable: false, width: 100%, above: 2mm, below: 3mm, {
  line(length: 100%, stroke: 0.4pt + rule)
  v(1mm)
  grid(columns: (1fr, auto), column-gutter: 8mm,
    text(size: 9pt, fill: soft, d.count),
    align(right, {
      text(size: 11pt)[#d.prescriber.title #emph(d.prescriber.name)]
      linebreak()
      text(size: 9pt, fill: soft)[Signature électronique (PAdES) du #d.signed_at]
      linebreak()
      text(size: 9pt, fill: soft)[RPPS #d.prescriber.rpps]
    }))
})
#block(height: 1fr, width: 100%, above: 0mm, below: 0mm, {
  place(top + left, line(start: (0%, 0%), end: (100%, 0%), stroke: 0.5pt + soft))
  place(top + left, line(start: (100%, 0%), end: (0%, 100%), stroke: 0.5pt + soft))
  place(bottom + left, line(start: (0%, 0%), end: (100%, 0%), stroke: 0.5pt + soft))
})

#pdf.attach("ordonnance.json", bytes(json.encode(d.machine)), relationship: "data", mime-type: "application/json",
  description: "Contenu de l’ordonnance, pour les logiciels")
'''
