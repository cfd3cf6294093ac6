//! Objects of Kubernetes: which of them are meant, who they are, whom they scale, how their quantities read.

use std::rc::Rc;

use super::draft::Draft;
use super::fields::{Field, Fields, shown};
use super::node::{Content, Node, documents};
use super::note::{Ledger, Outcome, Place};
use super::{Choices, Input, Unreadable, sizes};

/// Names of Kubernetes are DNS names.
const NAME_CHARS_MAX: usize = 253;
/// Where an object names no namespace: the one that kubectl takes then.
const NAMESPACE_DEFAULT: &str = "default";

/// Which objects are meant.
pub(super) struct Kind {
    pub(super) word: &'static str,
    /// Beginnings of `apiVersion` that are read; the first is named as the remedy.
    pub(super) versions: &'static [&'static str],
    /// Kinds of the same system that scale something and cannot be carried over, and why.
    pub(super) beyond: &'static [(&'static str, &'static str)],
}

/// One of them.
pub(super) struct Object<'a> {
    pub(super) version: String,
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) root: Fields<'a>,
    pub(super) metadata: Fields<'a>,
}

impl<'a> Object<'a> {
    pub(super) fn place(&self) -> &Place {
        self.root.place()
    }

    /// An annotation.
    pub(super) fn annotation(&self, key: &str) -> Option<Field<'a>> {
        let found = self.metadata.get("annotations")?;
        let node = found.node.get(key)?;
        Some(Field::new(found.ledger(), found.place(), &format!("metadata.annotations.{key}"), node))
    }

    /// Notes what is left when an importer has asked for all it knows.
    pub(super) fn finish(&self, annotations_read: &[&str]) {
        if let Some(Content::Map(entries)) = self.metadata.get("annotations").map(|field| &field.node.content) {
            let others: Vec<String> = entries
                .iter()
                .filter(|(key, _)| !annotations_read.contains(&key.as_str()))
                .map(|(key, _)| shown(key))
                .collect();
            if !others.is_empty() {
                let what = format!("no annotations of this system: {}", others.join(", "));
                self.root.ledger().put(self.place(), Outcome::Aside, "metadata.annotations", what, "");
            }
        }
        let bookkeeping = [
            "labels",
            "annotations",
            "creationTimestamp",
            "deletionTimestamp",
            "finalizers",
            "generateName",
            "generation",
            "managedFields",
            "ownerReferences",
            "resourceVersion",
            "selfLink",
            "uid",
        ];
        let shown: Vec<&str> = bookkeeping.into_iter().filter(|key| *key != "annotations").collect();
        self.metadata.aside(&shown, "bookkeeping of Kubernetes");
        self.metadata.finish();
        self.root.aside(&["status"], "what the old system saw, not what it was told");
        self.root.finish();
    }
}

/// Makes drafts of all objects of a kind in all files.
pub(super) fn each<'a>(
    inputs: &[Input],
    ledger: &Ledger,
    kind: &Kind,
    import: impl Fn(&Object<'_>) -> Option<Draft> + 'a,
) -> Result<Vec<Draft>, Vec<Unreadable>> {
    let (mut drafts, mut unreadable) = (Vec::new(), Vec::new());
    for input in inputs {
        let documents = match documents(&input.file, &input.text) {
            Ok(documents) => documents,
            Err(why) => {
                unreadable.push(why);
                continue;
            }
        };
        let file: Rc<str> = Rc::from(input.file.as_str());
        for (index, node) in listed(&documents).into_iter().enumerate() {
            let place = Place { file: Rc::clone(&file), document: index + 1, line: node.line, ..Place::default() };
            drafts.extend(object(node, &place, ledger, kind).and_then(|object| import(&object)));
        }
    }
    if unreadable.is_empty() { Ok(drafts) } else { Err(unreadable) }
}

/// The documents, and the items of those that are lists.
fn listed(documents: &[Node]) -> Vec<&Node> {
    let mut all = Vec::new();
    for document in documents {
        let is_list = document.get("kind").and_then(Node::text).is_some_and(|kind| kind.ends_with("List"));
        match document.get("items").map(|items| &items.content) {
            Some(Content::List(items)) if is_list => all.extend(items),
            _ => all.push(document),
        }
    }
    all
}

/// The object, where it is one of those that are meant.
fn object<'a>(node: &'a Node, place: &Place, ledger: &'a Ledger, kind: &Kind) -> Option<Object<'a>> {
    let Some(found) = node.get("kind").and_then(Node::text) else {
        let what = format!("has no `kind`, so it is no {}", kind.word);
        ledger.put(place, Outcome::Refused, "kind", what, "give whole objects, as `kubectl get -o yaml` prints them");
        return None;
    };
    if let Some((word, why)) = kind.beyond.iter().find(|(word, _)| *word == found) {
        ledger.put(place, Outcome::Lost, "", format!("is a {word}: {why}"), "keep the old system for it");
        return None;
    }
    if found != kind.word {
        ledger.put(place, Outcome::Aside, "", format!("is a {}, not a {}", shown(found), kind.word), "");
        return None;
    }
    let name = node.get("metadata").and_then(|metadata| metadata.get("name")).and_then(Node::as_written);
    let name = name.unwrap_or_default();
    let within = node.get("metadata").and_then(|metadata| metadata.get("namespace")).and_then(Node::as_written);
    let whole = within.map_or_else(|| name.clone(), |namespace| format!("{namespace}/{name}"));
    let place = Place { title: Rc::from(format!("{} {}", kind.word, shown(&whole))), ..place.clone() };
    let root = Field::new(ledger, &place, "", node).map()?;
    let metadata = root.need("metadata", "give the object its name")?.map()?;
    let named = metadata.need("name", "give the object its name")?;
    root.get("kind");
    if !is_name(&name) {
        named.refused("is not a name of Kubernetes", "use small letters, digits, `-` and `.`, at most 253");
        return None;
    }
    let namespace = match metadata.text("namespace") {
        Some(namespace) if is_name(&namespace) => namespace,
        Some(_) => {
            metadata.get("namespace")?.refused("is not a name of Kubernetes", "correct the input");
            return None;
        }
        None => NAMESPACE_DEFAULT.to_owned(),
    };
    let version = root.text("apiVersion").unwrap_or_default();
    if !kind.versions.contains(&version.as_str()) {
        let remedy = format!("write it as {}, for example with `kubectl convert`", kind.versions.join(" or "));
        let what = format!("{:?} is not a version that this import reads", shown(&version));
        ledger.put(&place, Outcome::Refused, "apiVersion", what, remedy);
        return None;
    }
    Some(Object { version, name, namespace, root, metadata })
}

fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.' || c == '_';
    !text.is_empty() && text.len() <= NAME_CHARS_MAX && text.chars().all(fits)
}

/// Whom an object scales.
pub(super) struct Scaled {
    pub(super) kind: String,
    pub(super) name: String,
}

impl Scaled {
    /// `scaleTargetRef` or `targetRef`. What has no kind is a Deployment, as in KEDA.
    pub(super) fn read(field: &Field<'_>) -> Option<Self> {
        let reference = field.map()?;
        let kind = reference.text("kind").unwrap_or_else(|| "Deployment".to_owned());
        let name = reference.need("name", "say what is scaled")?;
        let text = name.text().filter(|text| is_name(text));
        if text.is_none() {
            name.refused("is not a name of Kubernetes", "say what is scaled");
        }
        reference.aside(&["apiVersion"], "a binding names targets by driver and name");
        Some(Self { kind: shown(&kind), name: text? })
    }

    /// A regular expression that the names of its pods match.
    pub(super) fn pods(&self) -> String {
        let name = self.name.replace('.', "\\.");
        match self.kind.as_str() {
            "Deployment" => format!("{name}-[a-z0-9]+-[a-z0-9]+"),
            "StatefulSet" => format!("{name}-[0-9]+"),
            _ => format!("{name}-.*"),
        }
    }
}

/// A binding for the workload that an object scales.
pub(super) fn draft(object: &Object<'_>, scaled: &Scaled, choices: &Choices) -> Draft {
    let Object { name, namespace, .. } = object;
    let place = object.place();
    let mut draft =
        Draft::new(place, &[name, &format!("{namespace}-{name}")], format!("{} in {}", place.title, place.file));
    let id = format!("{namespace}/{}", scaled.name);
    let comment = format!("{} {} in {namespace}, as the driver calls it", scaled.kind, scaled.name);
    draft.set_with("select", sizes::select(&choices.driver, &id), comment);
    draft
}

/// A quantity of Kubernetes as a plain number: `500m`, `1k`, `64Mi`, `1e3`.
pub(super) fn quantity(field: &Field<'_>) -> Option<f64> {
    let read = field.node.as_written().and_then(|text| quantity_of(text.trim()));
    if read.is_none() {
        field.lost("is not a quantity of Kubernetes", "write 10, 500m, 1k or 64Mi");
    }
    read
}

pub(super) fn quantity_of(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 15] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("Ei", 1_152_921_504_606_846_976.0),
        ("n", 1e-9),
        ("u", 1e-6),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
        ("E", 1e18),
    ];
    let starts_well = text.starts_with(|c: char| c.is_ascii_digit() || c == '.' || c == '+' || c == '-');
    let plain = text.parse::<f64>().ok().filter(|_| starts_well);
    let with_unit = || {
        let (digits, factor) = UNITS.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))?;
        Some(digits.parse::<f64>().ok().filter(|_| starts_well)? * factor)
    };
    plain.or_else(with_unit).filter(|number| number.is_finite())
}
