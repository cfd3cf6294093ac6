//! The one cryptography behind TLS: ring's, for whatever in this process speaks or hears TLS.
//!
//! The HTTP client is built without a provider of its own, so that there are not two in one binary; it asks for the process's
//! when a client is made. Every room may import this.

use tokio_rustls::rustls::crypto::{CryptoProvider, ring};

/// Makes ring the process's provider, where there is none yet. To be called before a client is made; calling it again is free.
pub fn ready() {
    if CryptoProvider::get_default().is_none() {
        // That somebody else was faster is as good.
        let _ = ring::default_provider().install_default();
    }
}
