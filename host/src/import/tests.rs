use super::*;

mod bad_input;
mod fixtures;
mod properties;

/// Imports one text.
fn of(system: System, text: &str) -> Result<Import, ImportError> {
    with(system, text, &Choices::of(system))
}

fn with(system: System, text: &str, choices: &Choices) -> Result<Import, ImportError> {
    import(system, &[Input { file: "in".to_owned(), text: text.to_owned() }], choices)
}

/// Everything that an import came to, as one text.
fn told(found: &Import) -> String {
    let notes: Vec<String> = found.notes.iter().map(ToString::to_string).collect();
    format!("{}\n--- notes\n{}\n", found.toml(), notes.join("\n"))
}

/// The bindings with stand-ins for what they name: what `trimtab check` would read.
fn read_back(found: &Import, choices: &Choices) -> Config {
    let text = format!("{}\n{}", stand_ins(choices), found.toml());
    Config::parse(&text, Path::new("trimtab.toml")).unwrap_or_else(|complaints| panic!("{complaints}\n{text}"))
}

/// The one note of an outcome whose text holds some words.
fn note<'a>(found: &'a Import, outcome: Outcome, words: &str) -> &'a Note {
    let notes: Vec<&Note> =
        found.notes.iter().filter(|note| note.outcome == outcome && note.to_string().contains(words)).collect();
    assert_eq!(notes.len(), 1, "{words:?} in {}", told(found));
    notes[0]
}
