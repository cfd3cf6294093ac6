//! DigitalOcean's droplet autoscaler: its documented behaviours as rows.
