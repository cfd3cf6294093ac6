//! Policies pulled from OCI registries: those that the configuration names, and no others.

use std::time::Duration;

use super::steer_error::SteerError;
use super::steering::Steering;
use crate::causes::with_causes;
use crate::config::OciRegistry;
use crate::registry::oci::{self, OciError, OciLimits, OciLogin, OciPlace, Pulled};

/// A pull that is allowed, and has not begun.
#[derive(Debug)]
pub struct AllowedPull {
    reference: oci_client::Reference,
    registry: OciRegistry,
    limits: OciLimits,
}

impl Steering {
    /// Whether this reference may be pulled. Asks nobody outside.
    ///
    /// # Errors
    /// Where it is no reference, has no digest and must, or is of a registry that the configuration does not name.
    pub async fn allow_pull(&self, reference: &str) -> Result<AllowedPull, SteerError> {
        let in_force = self.in_force().lock().await;
        let policies = &in_force.config.policies;
        let reference = oci::reference(reference, policies.allow_tags)?;
        let host = reference.registry();
        let registry = policies.registries.iter().find(|registry| registry.host == host).cloned();
        let registry = registry.ok_or_else(|| OciError::NotAllowed { host: host.to_owned() })?;
        let timeout = Duration::from_millis(policies.pull_timeout_ms);
        Ok(AllowedPull { reference, registry, limits: OciLimits { bytes_max: self.registry().bytes_max(), timeout } })
    }
}

impl AllowedPull {
    /// The reference, written out.
    #[must_use]
    pub fn reference(&self) -> String {
        self.reference.to_string()
    }

    /// Fetches it.
    ///
    /// # Errors
    /// Where it cannot be had, is not what its digest says, or is no policy.
    pub async fn fetch(&self) -> Result<Pulled, SteerError> {
        let login = match (&self.registry.user, &self.registry.password) {
            (Some(user), Some(password)) => {
                // Fetched each time, so that a password can be changed while the host runs.
                let password = password.fetch().map_err(|error| OciError::Login { what: with_causes(&error) })?;
                Some(OciLogin { user: user.clone(), password: password.reveal().to_owned() })
            }
            _ => None,
        };
        let place = OciPlace {
            host: self.registry.host.clone(),
            insecure_http: self.registry.insecure_http,
            also: self.registry.also.clone(),
            login,
        };
        Ok(oci::pull(&self.reference, &place, self.limits).await?)
    }
}
