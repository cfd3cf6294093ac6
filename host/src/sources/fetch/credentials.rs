//! Who we are to a server: a token, a user with a password, or what else goes into headers.
//!
//! Secrets are fetched anew for each request, so that a token that is replaced in its file holds at once.

use std::collections::BTreeMap;

use reqwest::RequestBuilder;
use reqwest::header::{HeaderName, HeaderValue};

use crate::causes::with_causes;
use crate::secret::SecretAt;

/// Most headers of one source.
const HEADERS_MAX: usize = 32;

/// What a source's requests show.
#[derive(Debug, Clone, Default)]
pub(in crate::sources) struct Credentials {
    bearer: Option<SecretAt>,
    basic: Option<(String, SecretAt)>,
    headers: Vec<(HeaderName, SecretAt)>,
}

impl Credentials {
    /// Nothing is fetched yet.
    ///
    /// # Errors
    /// What contradicts what, and the remedy.
    pub(in crate::sources) fn new(
        bearer_token: Option<&SecretAt>,
        user: Option<&str>,
        password: Option<&SecretAt>,
        headers: &BTreeMap<String, SecretAt>,
    ) -> Result<Self, String> {
        let basic = match (user, password) {
            (Some(user), Some(password)) => Some((user.to_owned(), password.clone())),
            (None, None) => None,
            (Some(_), None) => return Err("user: stands without password; write both or none".to_owned()),
            (None, Some(_)) => return Err("password: stands without user; write both or none".to_owned()),
        };
        if basic.is_some() && bearer_token.is_some() {
            return Err("bearer_token: stands beside user and password; keep one of them".to_owned());
        }
        if headers.len() > HEADERS_MAX {
            return Err(format!("headers: {} are more than {HEADERS_MAX}; remove some", headers.len()));
        }
        let named = |(name, at): (&String, &SecretAt)| match HeaderName::try_from(name.as_str()) {
            Ok(header) => Ok((header, at.clone())),
            Err(_) => Err(format!("headers: {name:?} is no name of a header")),
        };
        let headers = headers.iter().map(named).collect::<Result<_, _>>()?;
        Ok(Self { bearer: bearer_token.cloned(), basic, headers })
    }

    /// The request with all of it.
    pub(super) fn show(&self, mut request: RequestBuilder) -> Result<RequestBuilder, String> {
        let fetch = |at: &SecretAt| at.fetch().map_err(|error| with_causes(&error));
        if let Some(at) = &self.bearer {
            request = request.bearer_auth(fetch(at)?.reveal());
        }
        if let Some((user, at)) = &self.basic {
            request = request.basic_auth(user, Some(fetch(at)?.reveal()));
        }
        for (name, at) in &self.headers {
            let mut value = HeaderValue::from_str(fetch(at)?.reveal())
                .map_err(|_| format!("the secret of the header {name} holds what no header can"))?;
            value.set_sensitive(true);
            request = request.header(name, value);
        }
        Ok(request)
    }
}
