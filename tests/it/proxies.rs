//! The registrars and sources nginx, traefik and envoy against the real proxies, with small workers behind them.
//!
//! The programs are those that `TRIMTAB_TEST_NGINX`, `TRIMTAB_TEST_TRAEFIK` and `TRIMTAB_TEST_ENVOY` name, else those on the path.

mod stage;

mod envoy;
mod nginx;
mod traefik;
