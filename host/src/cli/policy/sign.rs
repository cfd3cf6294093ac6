//! `trimtab policy keygen`, `sign` and `verify`: keys, and detached signatures over policies. No host is asked.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;

use crate::cli::{Exit, Fail, clean, print};
use crate::registry::{KEY_BYTES_MAX, Keyring, PrivateKey, TrustedKey, read_signature};
use crate::sandbox::SandboxConfig;

#[derive(Debug, Args)]
#[command(after_help = "The host trusts the public key where its configuration says so:

  [policies]
  trusted_keys = [{ name = \"release\", key = { file = \"keys/trimtab.pub.pem\" } }]")]
pub(in crate::cli) struct KeygenArgs {
    /// The folder for trimtab.key.pem, which only you can read, and trimtab.pub.pem. Nothing is written over.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "openssl makes the same signature:

  openssl pkeyutl -sign -rawin -inkey KEY.pem -in FILE -out FILE.sig")]
pub(in crate::cli) struct SignArgs {
    /// A component or core module.
    file: PathBuf,
    /// The private key, as PEM.
    #[arg(long, value_name = "KEY.pem")]
    key: PathBuf,
    /// Where the signature goes; beside the file, as FILE.sig, where nothing is said.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyArgs {
    /// A component or core module; its signature stands beside it, as FILE.sig.
    file: PathBuf,
    /// The public key, as PEM.
    #[arg(long, value_name = "PUB.pem")]
    key: PathBuf,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn keygen(args: &KeygenArgs) -> Result<Exit> {
    let key = PrivateKey::generate()?;
    std::fs::create_dir_all(&args.out).with_context(|| format!("making {}", args.out.display()))?;
    let (private, public) = (args.out.join("trimtab.key.pem"), args.out.join("trimtab.pub.pem"));
    // Both or neither: a pair that does not belong together would be worse than none.
    for file in [&private, &public] {
        if file.exists() {
            return Err(Fail::usage(format!("{} is there already: name another folder", file.display())));
        }
    }
    write_new(&private, 0o600, &key.pem()?)?;
    write_new(&public, 0o644, &key.public_pem()?)?;
    if args.json {
        let shown = json!({ "id": key.id(), "private": private, "public": public });
        print(&format!("{shown:#}\n"))?;
    } else {
        let (private, public) = (private.display(), public.display());
        print(&clean(&format!("key {}\n  private  {private} (keep it)\n  public   {public}\n", key.id())))?;
    }
    Ok(Exit::Fine)
}

pub(in crate::cli) fn sign(args: &SignArgs) -> Result<Exit> {
    let key = PrivateKey::read(&text(&args.key)?).map_err(|error| wrong(&args.key, &error))?;
    let signature = key.sign(&policy(&args.file)?);
    let out = args.out.clone().unwrap_or_else(|| beside(&args.file));
    std::fs::write(&out, format!("{}\n", signature.text())).with_context(|| format!("writing {}", out.display()))?;
    if args.json {
        let shown = json!({ "file": args.file, "signature": signature.text(), "out": out, "key": key.id() });
        print(&format!("{shown:#}\n"))?;
    } else {
        print(&clean(&format!("{}: signed by the key {}, in {}\n", args.file.display(), key.id(), out.display())))?;
    }
    Ok(Exit::Fine)
}

pub(in crate::cli) fn verify(args: &VerifyArgs) -> Result<Exit> {
    let name = args.key.display().to_string();
    let key = TrustedKey::read(&name, &text(&args.key)?).map_err(|error| wrong(&args.key, &error))?;
    let id = key.id();
    let bytes = policy(&args.file)?;
    let signature = read_signature(&args.file).with_context(|| format!("reading {}", beside(&args.file).display()))?;
    let checked = Keyring::new(vec![key]).check(&bytes, signature.as_ref());
    if args.json {
        let code = checked.as_ref().err().map(|rejection| rejection.code.clone());
        print(&format!("{:#}\n", json!({ "file": args.file, "ok": checked.is_ok(), "key": id, "code": code })))?;
        return Ok(if checked.is_ok() { Exit::Fine } else { Exit::Policy });
    }
    let file = args.file.display();
    match checked {
        Ok(_) => print(&clean(&format!("{file}: signed by the key {id}\n")))?,
        Err(rejection) => {
            return Err(Fail::policy(format!("{file}: {} ({}); {}", rejection.text, rejection.code, rejection.remedy)));
        }
    }
    Ok(Exit::Fine)
}

/// The file of a policy's signature.
fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".sig");
    name.into()
}

fn policy(file: &Path) -> Result<Vec<u8>> {
    read(file, SandboxConfig::default().upload.bytes_max)
}

fn text(file: &Path) -> Result<String> {
    String::from_utf8(read(file, KEY_BYTES_MAX as u64)?)
        .map_err(|_| Fail::usage(format!("{} holds no key: it is not text", file.display())))
}

fn read(file: &Path, bytes_max: u64) -> Result<Vec<u8>> {
    let unread = |error: std::io::Error| Fail::not_found(format!("{} cannot be read: {error}", file.display()));
    let mut bytes = Vec::new();
    File::open(file).map_err(unread)?.take(bytes_max + 1).read_to_end(&mut bytes).map_err(unread)?;
    if bytes.len() as u64 > bytes_max {
        return Err(Fail::usage(format!("{} is longer than {bytes_max} bytes", file.display())));
    }
    Ok(bytes)
}

fn wrong(file: &Path, error: &dyn std::error::Error) -> anyhow::Error {
    Fail::usage(format!("{}: {error}", file.display()))
}

fn write_new(file: &Path, mode: u32, text: &str) -> Result<()> {
    let writing = || format!("writing {}", file.display());
    let mut opened = OpenOptions::new().write(true).create_new(true).mode(mode).open(file).with_context(writing)?;
    opened.write_all(text.as_bytes()).with_context(writing)
}
