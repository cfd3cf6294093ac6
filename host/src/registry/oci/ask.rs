//! Requests to one registry, and where they may lead.

use std::error::Error as _;
use std::time::Duration;

use oci_client::Reference;
use reqwest::header::{ACCEPT, WWW_AUTHENTICATE};
use reqwest::{Client, RequestBuilder, Response, Url, redirect};
use serde::Deserialize;

use super::{OciError, OciPlace};

/// Redirects that are followed in a row.
const REDIRECTS_MAX: usize = 4;
/// How long a connection may take, and how long nothing may arrive.
const CONNECT: Duration = Duration::from_secs(5);
const STALL: Duration = Duration::from_secs(15);
/// Longest answer of whoever gives tokens.
const TOKEN_BYTES_MAX: u64 = 64 * 1024;

/// Asks one registry for what belongs to one repository.
pub(super) struct Asker<'a> {
    client: Client,
    place: &'a OciPlace,
    repository: &'a str,
    /// `https://host`.
    base: String,
    token: Option<String>,
}

impl<'a> Asker<'a> {
    pub(super) fn new(reference: &'a Reference, place: &'a OciPlace) -> Result<Self, OciError> {
        crate::tls::ready();
        let allowed = place.clone();
        let redirects = redirect::Policy::custom(move |attempt| {
            if attempt.previous().len() > REDIRECTS_MAX {
                return attempt.error(LedAway("more places than it should".to_owned()));
            }
            match allows(&allowed, attempt.url()) {
                Ok(()) => attempt.follow(),
                Err(host) => attempt.error(LedAway(host)),
            }
        });
        let client = Client::builder().connect_timeout(CONNECT).read_timeout(STALL).redirect(redirects);
        // A registry without encryption is on this machine or in its own network: no proxy is to see it.
        let client = if place.insecure_http { client.no_proxy() } else { client.https_only(true) };
        let client = client.build().map_err(|source| OciError::Unreachable { what: "anything", source })?;
        let scheme = if place.insecure_http { "http" } else { "https" };
        // Docker's registry goes by another name than its references; all others by their own.
        let base = format!("{scheme}://{}", reference.resolve_registry());
        Ok(Self { client, place, repository: reference.repository(), base, token: None })
    }

    /// The body at `/v2/<repository>/<kind>/<name>`, which may be so long.
    pub(super) async fn get(
        &mut self,
        kind: &str,
        name: &str,
        accept: Option<&str>,
        what: &'static str,
        bytes_max: u64,
    ) -> Result<Vec<u8>, OciError> {
        let url = format!("{}/v2/{}/{kind}/{name}", self.base, self.repository);
        let request = |asker: &Self| {
            let request = asker.client.get(&url);
            let request = accept.iter().fold(request, |request, accept| request.header(ACCEPT, *accept));
            asker.token.iter().fold(request, |request, token| request.bearer_auth(token))
        };
        let mut answer = send(request(self), what).await?;
        if answer.status().as_u16() == 401 && self.token.is_none() {
            answer = match self.challenged(&answer).await? {
                Proof::Token(token) => {
                    self.token = Some(token);
                    send(request(self), what).await?
                }
                Proof::Basic => send(self.with_login(request(self)), what).await?,
            };
        }
        body(answer, what, bytes_max).await
    }

    /// What the registry wants to see.
    async fn challenged(&self, answer: &Response) -> Result<Proof, OciError> {
        let challenges = answer.headers().get_all(WWW_AUTHENTICATE).iter();
        let mut challenges = challenges.filter_map(|challenge| challenge.to_str().ok());
        let nonsense = || OciError::Nonsense { what: "it wants proof of who asks, and does not say which".to_owned() };
        let challenge = challenges.next().ok_or_else(nonsense)?;
        let (scheme, rest) = challenge.split_once(' ').ok_or_else(nonsense)?;
        if scheme.eq_ignore_ascii_case("basic") {
            return Ok(Proof::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(nonsense());
        }
        self.token(parameter(rest, "realm").ok_or_else(nonsense)?, parameter(rest, "service")).await.map(Proof::Token)
    }

    /// A token for reading this repository, from where the registry says that they are had.
    async fn token(&self, realm: String, service: Option<String>) -> Result<String, OciError> {
        #[derive(Deserialize)]
        struct Token {
            token: Option<String>,
            access_token: Option<String>,
        }
        let nonsense = |what: String| OciError::Nonsense { what };
        let realm: Url = realm.parse().map_err(|error| nonsense(format!("where tokens are had: {error}")))?;
        allows(self.place, &realm).map_err(|host| OciError::LedAway { host })?;
        let scope = ("scope", format!("repository:{}:pull", self.repository));
        let request = self.client.get(realm).query(&[scope]);
        let request = service.iter().fold(request, |request, service| request.query(&[("service", service)]));
        let answer = send(self.with_login(request), "a token").await?;
        let text = body(answer, "a token", TOKEN_BYTES_MAX).await?;
        // What stands in it is a secret, also where it cannot be read.
        let token: Token = serde_json::from_slice(&text).map_err(|_| nonsense("it gives no token".to_owned()))?;
        token.token.or(token.access_token).ok_or_else(|| nonsense("it gives no token".to_owned()))
    }

    fn with_login(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.place.login {
            Some(login) => request.basic_auth(&login.user, Some(&login.password)),
            None => request,
        }
    }
}

/// What the registry takes as proof of who asks.
enum Proof {
    Token(String),
    Basic,
}

/// Whether a request may go there; else which host it is.
fn allows(place: &OciPlace, url: &Url) -> Result<(), String> {
    let host = match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => return Err(url.scheme().to_owned()),
    };
    let fits = |allowed: &str| match allowed.strip_prefix('*') {
        Some(below) => host.len() > below.len() && host.ends_with(below),
        None => host == allowed,
    };
    let docker = place.host == "docker.io" && host == "index.docker.io";
    let named = docker || std::iter::once(&place.host).chain(&place.also).any(|allowed| fits(allowed));
    let encrypted = url.scheme() == "https" || (place.insecure_http && url.scheme() == "http");
    if named && encrypted { Ok(()) } else { Err(format!("{}://{host}", url.scheme())) }
}

async fn send(request: RequestBuilder, what: &'static str) -> Result<Response, OciError> {
    request.send().await.map_err(|source| match led_away(&source) {
        Some(host) => OciError::LedAway { host },
        None => OciError::Unreachable { what, source: source.without_url() },
    })
}

/// The body, frame by frame, so that one that is too long is not in memory first.
async fn body(mut answer: Response, what: &'static str, bytes_max: u64) -> Result<Vec<u8>, OciError> {
    if !answer.status().is_success() {
        return Err(OciError::Refused { what, answer: answer.status().to_string() });
    }
    let too_large = || OciError::TooLarge { what, bytes_max };
    if answer.content_length().is_some_and(|said| said > bytes_max) {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    let unreachable = |source: reqwest::Error| OciError::Unreachable { what, source: source.without_url() };
    while let Some(frame) = answer.chunk().await.map_err(unreachable)? {
        if bytes.len().saturating_add(frame.len()) as u64 > bytes_max {
            return Err(too_large());
        }
        bytes.extend_from_slice(&frame);
    }
    Ok(bytes)
}

/// A redirect that was not followed.
#[derive(Debug, thiserror::Error)]
#[error("led to {0}")]
struct LedAway(String);

fn led_away(error: &reqwest::Error) -> Option<String> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(LedAway(host)) = error.downcast_ref() {
            return Some(host.clone());
        }
        cause = error.source();
    }
    None
}

/// A parameter of a challenge: `realm="https://…",service="…"`. Commas and quotes within quotes are of the value.
fn parameter(challenge: &str, name: &str) -> Option<String> {
    let mut rest = challenge.trim_start();
    while let Some((key, after)) = rest.split_once('=') {
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => until_quote(quoted)?,
            None => {
                let (value, next) = after.split_once(',').unwrap_or((after, ""));
                (value.trim_end().to_owned(), next)
            }
        };
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = next.trim_start_matches([',', ' ']);
    }
    None
}

fn until_quote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, text.get(at + 1..).unwrap_or_default())),
            '\\' => value.push(chars.next()?.1),
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_read_whatever_stands_in_quotes() {
        let challenge = r#"realm="https://auth.example/token?a=1,2",service="a \"b\"", scope=x"#;
        assert_eq!(parameter(challenge, "realm").unwrap(), "https://auth.example/token?a=1,2");
        assert_eq!(parameter(challenge, "SERVICE").unwrap(), "a \"b\"");
        assert_eq!(parameter(challenge, "scope").unwrap(), "x");
        for (bad, name) in [("", "realm"), ("realm", "realm"), ("realm=\"x", "realm"), ("a=b", "realm")] {
            assert_eq!(parameter(bad, name), None, "{bad}");
        }
    }

    #[test]
    fn requests_go_where_the_operator_lets_them_and_nowhere_else() {
        let place = OciPlace {
            host: "ghcr.io".to_owned(),
            insecure_http: false,
            also: vec!["*.example.com".to_owned(), "10.0.0.1:5000".to_owned()],
            login: None,
        };
        let goes = |url: &str| allows(&place, &url.parse().unwrap()).is_ok();
        for good in ["https://ghcr.io/x", "https://ghcr.io:443/x", "https://a.b.example.com/", "https://10.0.0.1:5000/"]
        {
            assert!(goes(good), "{good}");
        }
        for bad in [
            "http://ghcr.io/",
            "https://ghcr.io:444/",
            "https://ghcr.io.evil.com/",
            "https://ghcr.io@evil.com/",
            "https://example.com/",
            "https://evilexample.com/",
            "https://169.254.169.254/latest/",
            "file:///etc/passwd",
        ] {
            assert!(!goes(bad), "{bad}");
        }
    }
}
