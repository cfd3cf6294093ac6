//! The first token: how an admin gets in where nobody has a token yet.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::{Access, AccessError, Change, Identity, Permission, Role, Scope, Secret, Token, Wanted};

/// Its file in the data directory.
pub const FIRST_TOKEN_FILE: &str = "admin.token";

/// Makes it. The file comes first: a host that ends in between has a file that opens nothing, and makes another at its next
/// start; the other way round nobody could come in.
pub(super) async fn make(access: &Access, data_dir: &Path, now_ms: u64) -> Result<(), AccessError> {
    let wanted = Wanted { name: "first".to_owned(), role: Role::Admin, scope: Scope::default(), life_ms: None };
    let host = Identity::host();
    let (token, secret) = Token::make(wanted, &host, now_ms)?;
    let path = data_dir.join(FIRST_TOKEN_FILE);
    leave(data_dir, &path, &secret).map_err(|source| AccessError::File { path: path.display().to_string(), source })?;
    let change = Change::new(now_ms, &host, Permission::TokenManage, format!("token {}", token.id)).to(&token.shown());
    access.keep(token, 0, &change).await?;
    tracing::info!(file = %path.display(), "the first admin token is made; it stands in this file alone");
    Ok(())
}

/// Writes it under another name and renames it: whatever stood there, a link or a file that others can read, is replaced and
/// never written to. The mode is the one that it is made with, and no umask widens it.
fn leave(data_dir: &Path, path: &Path, secret: &Secret) -> io::Result<()> {
    let new = data_dir.join(format!("{FIRST_TOKEN_FILE}.new"));
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(format!("{}\n", secret.reveal()).as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    File::open(data_dir)?.sync_all()
}
