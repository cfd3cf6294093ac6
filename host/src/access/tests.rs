use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use super::*;
use crate::store::MemoryStore;

const NOW: u64 = 1_780_000_000_000;

fn identity(role: Role, scope: Scope) -> Identity {
    Identity { token: "0123456789abcdef".to_owned(), name: "test".to_owned(), role, scope }
}

fn wanted(name: &str, role: Role, life_ms: Option<u64>) -> Wanted {
    Wanted { name: name.to_owned(), role, scope: Scope::default(), life_ms }
}

async fn open(data_dir: &Path) -> (Arc<dyn Store>, Access) {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let access = Access::open(Arc::clone(&store), data_dir, NOW).await.unwrap();
    (store, access)
}

fn first_token(data_dir: &Path) -> String {
    std::fs::read_to_string(data_dir.join(FIRST_TOKEN_FILE)).unwrap().trim_end().to_owned()
}

#[tokio::test]
async fn the_first_start_leaves_one_admin_token_that_only_its_user_can_read() {
    let dir = tempfile::tempdir().unwrap();
    // What stood there before is neither read, widened nor written through: a link to somebody's file, open to all.
    let trap = dir.path().join("trap");
    std::fs::write(&trap, "old").unwrap();
    std::fs::set_permissions(&trap, std::fs::Permissions::from_mode(0o666)).unwrap();
    std::os::unix::fs::symlink(&trap, dir.path().join(FIRST_TOKEN_FILE)).unwrap();

    let (store, access) = open(dir.path()).await;
    let found = std::fs::symlink_metadata(dir.path().join(FIRST_TOKEN_FILE)).unwrap();
    assert!(found.is_file());
    assert_eq!(found.mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_to_string(&trap).unwrap(), "old");
    let secret = first_token(dir.path());
    let admin = access.identify(&secret, NOW).unwrap();
    assert_eq!((admin.role, admin.scope.is_whole()), (Role::Admin, true));

    // A second start makes no other, and the old one still holds; nor does a start after all were revoked but one.
    let again = Access::open(Arc::clone(&store), dir.path(), NOW + 1).await.unwrap();
    assert_eq!(first_token(dir.path()), secret);
    assert_eq!(again.tokens(None, 10).len(), 1);
    assert!(again.identify(&secret, NOW + 1).is_ok());
}

#[tokio::test]
async fn a_secret_is_shown_once_and_stands_nowhere() {
    let dir = tempfile::tempdir().unwrap();
    let (store, access) = open(dir.path()).await;
    let (token, secret) =
        access.create(wanted("ops", Role::Operator, Some(60_000)), &Identity::host(), NOW).await.unwrap();
    let text = secret.reveal().to_owned();
    let random = text.rsplit('_').next().unwrap().to_owned();
    assert_eq!(random.len(), 64);

    let mut kept = format!("{token:?} {secret:?} {access:?}");
    for (key, versioned) in store.list("", None, 100).await.unwrap() {
        kept += &format!("{key} {}", String::from_utf8_lossy(&versioned.value));
    }
    for entry in store.read_log(TRAIL, LogRange::newest(100)).await.unwrap() {
        kept += &String::from_utf8_lossy(&entry.body);
    }
    assert!(kept.contains(&token.id), "{kept}");
    assert!(!kept.contains(&random), "{kept}");
    let hash = hex::encode(token.hash);
    let trail: Vec<_> = access.changes(None, 10).await.unwrap().into_iter().map(|(_, change)| change).collect();
    assert!(!serde_json::to_string(&trail).unwrap().contains(&hash));
    let read: Token = serde_json::from_slice(&store.get(&key(&token.id)).await.unwrap().unwrap().value).unwrap();
    assert_eq!(read, *token);
}

#[tokio::test]
async fn a_token_holds_until_its_time_or_until_it_is_revoked_and_a_wrong_one_never() {
    let dir = tempfile::tempdir().unwrap();
    let (store, access) = open(dir.path()).await;
    let host = Identity::host();
    let (token, secret) = access.create(wanted("ops", Role::Operator, Some(60_000)), &host, NOW).await.unwrap();
    let text = secret.reveal();
    assert_eq!(access.identify(text, NOW + 59_999).unwrap().name, "ops");
    assert_eq!(access.identify(text, NOW + 60_000), Err(NotKnown::Expired));

    let mut wrong = text.to_owned();
    let last = wrong.pop().unwrap();
    wrong.push(if last == '0' { '1' } else { '0' });
    assert_eq!(access.identify(&wrong, NOW), Err(NotKnown::NoSuchToken));
    // Who has not the secret does not learn that it has expired.
    assert_eq!(access.identify(&wrong, NOW + 60_000), Err(NotKnown::NoSuchToken));
    for form in
        ["", "trimtab_", "trimtab__", &text[1..], &text.to_uppercase(), &format!("{text} "), &format!("{text}0")]
    {
        assert_eq!(access.identify(form, NOW), Err(NotKnown::Malformed), "{form:?}");
    }

    access.revoke(&token.id, &host, NOW + 5).await.unwrap();
    assert_eq!(access.identify(text, NOW + 6), Err(NotKnown::Revoked));
    let (_, change) = access.changes(None, 1).await.unwrap().remove(0);
    assert_eq!((change.what.as_str(), change.at_ms), ("token-manage", NOW + 5));
    assert_eq!(change.before.unwrap()["revoked_ms"], serde_json::Value::Null);
    assert_eq!(change.after.unwrap()["revoked_ms"], NOW + 5);
    // Neither is forgotten over a restart.
    let again = Access::open(store, dir.path(), NOW + 7).await.unwrap();
    assert_eq!(again.identify(text, NOW + 7), Err(NotKnown::Revoked));
}

#[tokio::test]
async fn the_last_admin_cannot_be_locked_out() {
    let dir = tempfile::tempdir().unwrap();
    let (_, access) = open(dir.path()).await;
    let first = access.identify(&first_token(dir.path()), NOW).unwrap();
    // An admin of some bindings, one that has expired, and an operator are no way in.
    let part = Scope { bindings: vec!["web*".to_owned()], ..Scope::default() };
    access.create(Wanted { scope: part, ..wanted("part", Role::Admin, None) }, &first, NOW).await.unwrap();
    access.create(wanted("ops", Role::Operator, None), &first, NOW).await.unwrap();
    access.create(wanted("short", Role::Admin, Some(1000)), &first, NOW - 5000).await.unwrap();
    assert!(matches!(access.revoke(&first.token, &first, NOW).await, Err(AccessError::LastAdmin { .. })));
    let (next, _) = access.create(wanted("next", Role::Admin, Some(60_000)), &first, NOW).await.unwrap();
    access.revoke(&first.token, &first, NOW).await.unwrap();
    assert!(matches!(access.revoke(&next.id, &first, NOW).await, Err(AccessError::LastAdmin { .. })));
    assert!(matches!(access.revoke("nobody", &first, NOW).await, Err(AccessError::NoSuchToken { .. })));
}

#[tokio::test]
async fn a_token_that_makes_no_sense_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (_, access) = open(dir.path()).await;
    let scoped = |scope: Scope| Wanted { scope, ..wanted("x", Role::Viewer, None) };
    let bindings = |pattern: &str| Scope { bindings: vec![pattern.to_owned()], ..Scope::default() };
    for bad in [
        wanted("", Role::Viewer, None),
        wanted("a\u{1b}[2J", Role::Viewer, None),
        wanted(&"a".repeat(64), Role::Viewer, None),
        wanted("x", Role::Viewer, Some(0)),
        wanted("x", Role::Viewer, Some(u64::MAX)),
        scoped(bindings("")),
        scoped(bindings("web/1")),
        scoped(Scope { bindings: vec!["a".to_owned(); 65], ..Scope::default() }),
        scoped(Scope { driver: Some(String::new()), ..Scope::default() }),
    ] {
        let shown = format!("{bad:?}");
        assert!(
            matches!(access.create(bad, &Identity::host(), NOW).await, Err(AccessError::Refused { .. })),
            "{shown}"
        );
    }
    assert_eq!(access.tokens(None, 10).len(), 1);
}

/// Who may do what to the host as a whole, and to something that a token for one binding covers or does not.
#[test]
fn the_table_of_roles() {
    let labels = BTreeMap::from([("app".to_owned(), "web".to_owned())]);
    let other = BTreeMap::from([("app".to_owned(), "api".to_owned())]);
    let place =
        |name, labels| Object::Place(Place { bindings: vec![name], driver: Some("local"), labels: Some(labels) });
    let part = Scope { bindings: vec!["web".to_owned()], ..Scope::default() };
    let mark = |role, scope: &Scope, permission, object: &Object<'_>| match permit(
        &identity(role, scope.clone()),
        permission,
        object,
    ) {
        Ok(()) => "yes",
        Err(Denied::Role { .. }) => "–",
        Err(Denied::Scope { .. }) => "scope",
    };
    let mut table = String::new();
    for permission in Permission::ALL {
        table += &format!("{permission:16}");
        for role in Role::ALL {
            let whole = mark(role, &Scope::default(), permission, &Object::Host);
            let host = mark(role, &part, permission, &Object::Host);
            let within = mark(role, &part, permission, &place("web", &labels));
            let without = mark(role, &part, permission, &place("api", &other));
            table += &format!(" | {whole:5} {host:5} {within:5} {without:5}");
        }
        table.push('\n');
    }
    let head = "                  viewer                    author                    operator                  admin\n\
                \x20                 whole host  in    out  (a token for the whole host; one for binding web: host, web, api)\n";
    insta::assert_snapshot!(format!("{head}{table}"));
}

#[test]
fn a_scope_covers_what_all_of_its_parts_fit() {
    let labels = BTreeMap::from([("app".to_owned(), "web".to_owned()), ("team".to_owned(), "a".to_owned())]);
    let of = |bindings: &[&str], driver: Option<&str>, label: Option<(&str, &str)>| Scope {
        bindings: bindings.iter().map(|&name| name.to_owned()).collect(),
        driver: driver.map(str::to_owned),
        labels: label.into_iter().map(|(label, value)| (label.to_owned(), value.to_owned())).collect(),
    };
    let place = Place { bindings: vec!["web-1", "watch"], driver: Some("local"), labels: Some(&labels) };
    for (scope, touches, covers) in [
        (of(&[], None, None), true, true),
        (of(&["web-*"], None, None), true, false),
        (of(&["web-*", "watch"], None, None), true, true),
        (of(&["*"], Some("local"), Some(("team", "a"))), true, true),
        (of(&["*"], Some("swarm"), None), false, false),
        (of(&[], None, Some(("team", "b"))), false, false),
        (of(&["api"], None, Some(("team", "a"))), false, false),
    ] {
        assert_eq!((scope.touches(&place), scope.covers(&place)), (touches, covers), "{scope}");
    }
    // What is not known is not covered; a target that nobody binds is nobody's but the whole host's.
    let unknown = Place { bindings: vec!["web"], driver: None, labels: None };
    assert!(!of(&[], Some("local"), None).touches(&unknown));
    assert!(!of(&["*"], None, None).covers(&Place::default()));
    assert!(of(&[], None, None).covers(&Place::default()));
}

#[test]
fn stars_fit_any_characters_and_hostile_patterns_take_no_longer() {
    let fits = |pattern: &str, name: &str| {
        let scope = Scope { bindings: vec![pattern.to_owned()], ..Scope::default() };
        scope.covers(&Place { bindings: vec![name], ..Place::default() })
    };
    for (pattern, name) in
        [("*", "a"), ("a*", "a"), ("a*c", "abc"), ("a*c", "abcabc"), ("*b*", "abc"), ("**", "x"), ("abc", "abc")]
    {
        assert!(fits(pattern, name), "{pattern} {name}");
    }
    for (pattern, name) in [("a", "ab"), ("a*c", "ab"), ("b*", "ab"), ("", "a"), ("abc", "ab"), ("a*b*c", "acb")] {
        assert!(!fits(pattern, name), "{pattern} {name}");
    }
    assert!(!fits(&"a*".repeat(120), &format!("{}b", "a".repeat(60))));
}
