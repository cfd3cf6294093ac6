//! Servers that speak TLS, ask who we are, and allow no more than reading.

use std::process::Command;
use std::time::{Duration, Instant};

use redis::{ClientTlsConfig, TlsCertificates};
use sqlx::Executor as _;
use sqlx::{Connection as _, MySqlConnection, PgConnection};
use trimtab::config::SecretAt;
use trimtab::snapshot::Subject;
use trimtab::sources::docker::{DockerStatsConfig, DockerStatsSource, StatsHost};
use trimtab::sources::redis::{RedisConfig, RedisSource};
use trimtab::sources::sql::{SqlConfig, SqlSource, SqlTls};
use trimtab::sources::{Source, SourceError};

use super::{measure, row, told, values};
use crate::backends::authority::Authority;
use crate::backends::engine::Engine;
use crate::backends::postgres::Postgres;
use crate::backends::redis::Redis;
use crate::backends::server::{Server, free_port, program_or_skip};

#[tokio::test]
async fn redis_is_asked_over_tls_by_a_user_who_may_read_only() {
    let (authority, stranger) = (Authority::new("trimtab"), Authority::new("trimtab"));
    let port = free_port().to_string();
    let [ca, cert, key] = ["ca.pem", "server.pem", "server.key"].map(|name| authority.text(name));
    let tls = ["--tls-port", &port, "--tls-ca-cert-file", &ca, "--tls-cert-file", &cert, "--tls-key-file", &key];
    let Some(_server) = Redis::start("source redis, TLS", &tls).await else { return };
    let url = format!("rediss://127.0.0.1:{port}/");

    // As the administrator, by the same door.
    let read = |name: &str| std::fs::read(authority.at(name)).unwrap();
    trimtab::tls::ready();
    let client_tls = Some(ClientTlsConfig { client_cert: read("client.pem"), client_key: read("client.key") });
    let certificates = TlsCertificates { client_tls, root_cert: Some(read("ca.pem")) };
    let admin = redis::Client::build_with_tls(url.as_str(), certificates).unwrap();
    let mut connection = admin.get_multiplexed_async_connection().await.unwrap();
    let user = "ACL SETUSER reader on >hush ~jobs:* +llen";
    for command in [user, "RPUSH jobs:web a b", "RPUSH other a"] {
        let mut words = command.split(' ');
        let mut asked = redis::cmd(words.next().unwrap());
        for word in words {
            asked.arg(word);
        }
        let _: redis::Value = asked.query_async(&mut connection).await.unwrap();
    }

    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, "hush\n").unwrap();
    let config = RedisConfig {
        user: Some("reader".to_owned()),
        password: Some(SecretAt::File(password)),
        ca_file: Some(authority.at("ca.pem")),
        cert_file: Some(authority.at("client.pem")),
        key_file: Some(authority.at("client.key")),
        ..RedisConfig::new(&url)
    };
    let source = RedisSource::new("cache", config.clone()).unwrap();
    source.check().await.unwrap();
    assert_eq!(told(&source, "list jobs:{target}", &["web"]).await, [row("web", 2.0)]);
    let barred = measure(&source, "list other", Subject::Target, &[("web", &[])], 1).await.unwrap();
    assert!(barred.rows.is_empty() && barred.failed[0].1.contains("NoPerm"), "{barred:?}");

    for (config, expected) in [
        (RedisConfig { ca_file: Some(stranger.at("ca.pem")), ..config.clone() }, "UnknownIssuer"),
        (RedisConfig { ca_file: None, ..config.clone() }, "UnknownIssuer"),
        (RedisConfig { cert_file: None, key_file: None, ..config.clone() }, "did not answer"),
        (
            RedisConfig {
                url: url.replace("rediss", "redis"),
                ca_file: None,
                cert_file: None,
                key_file: None,
                ..config.clone()
            },
            "did not answer",
        ),
        (RedisConfig { ca_file: Some(authority.at("none.pem")), ..config }, "none.pem cannot be read"),
    ] {
        let error = RedisSource::new("cache", config).unwrap().check().await.unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains("hush"), "{expected}: {error}");
    }
}

#[tokio::test]
async fn postgres_is_asked_over_tls_with_a_certificate_and_refuses_what_writes() {
    let (authority, stranger) = (Authority::new("reader"), Authority::new("reader"));
    let settings = |data: &std::path::Path| {
        // The administrator by any door; the reader by TLS alone, and by a certificate in its name.
        let rules = "hostssl all reader 127.0.0.1/32 cert\nhost all trimtab 127.0.0.1/32 trust\n";
        std::fs::write(data.join("pg_hba.conf"), rules).unwrap();
        let [ca, cert, key] = ["ca.pem", "server.pem", "server.key"].map(|name| authority.text(name));
        vec![
            "ssl=on".to_owned(),
            format!("ssl_ca_file={ca}"),
            format!("ssl_cert_file={cert}"),
            format!("ssl_key_file={key}"),
        ]
    };
    let Some(server) = Postgres::with("source sql, PostgreSQL with TLS", settings).await else { return };
    let mut admin = PgConnection::connect(server.url()).await.unwrap();
    // The reader may do anything: that nothing is written is the transaction's doing.
    let made = "CREATE TABLE jobs (queue TEXT); CREATE ROLE reader LOGIN SUPERUSER; CREATE SEQUENCE tickets;
        CREATE FUNCTION bump() RETURNS int LANGUAGE sql AS $$ INSERT INTO jobs VALUES ('x'); SELECT 1 $$;";
    admin.execute(sqlx::raw_sql(made)).await.unwrap();

    let url = server.url().replace("trimtab@", "");
    let config = SqlConfig {
        user: Some("reader".to_owned()),
        ca_file: Some(authority.at("ca.pem")),
        cert_file: Some(authority.at("client.pem")),
        key_file: Some(authority.at("client.key")),
        ..SqlConfig::new(&url)
    };
    let source = SqlSource::new("shop", config.clone()).unwrap();
    source.check().await.unwrap();
    let encrypted = "SELECT count(*) AS value FROM pg_stat_ssl WHERE ssl AND pid = pg_backend_pid()";
    assert_eq!(told(&source, encrypted, &["web"]).await, [row("web", 1.0)]);
    for query in ["SELECT bump() AS value", "SELECT nextval('tickets') AS value"] {
        let error = measure(&source, query, Subject::Target, &[("web", &[])], 1).await.unwrap_err().to_string();
        assert!(error.contains("read-only transaction"), "{query}: {error}");
    }
    let loosened = "SELECT set_config('transaction_read_only', 'off', false) = 'off' AND bump() = 1 AS value";
    let error = measure(&source, loosened, Subject::Target, &[("web", &[])], 1).await.unwrap_err().to_string();
    assert!(error.contains("read-write mode must be set before any query"), "{error}");
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM jobs").fetch_one(&mut admin).await.unwrap();
    assert_eq!(left, 0);

    for (config, expected) in [
        (SqlConfig { ca_file: Some(stranger.at("ca.pem")), ..config.clone() }, "UnknownIssuer"),
        (SqlConfig { cert_file: None, key_file: None, ..config.clone() }, "requires a valid client certificate"),
        (
            SqlConfig {
                cert_file: Some(stranger.at("client.pem")),
                key_file: Some(stranger.at("client.key")),
                ..config.clone()
            },
            "did not answer",
        ),
        (SqlConfig { url: url.replace("127.0.0.1", "127.0.0.2"), ..config }, "did not answer"),
    ] {
        let error = SqlSource::new("shop", config).unwrap().check().await.unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[tokio::test]
async fn mariadb_is_asked_over_tls_with_a_certificate_and_refuses_what_writes() {
    let (authority, stranger) = (Authority::new("reader"), Authority::new("reader"));
    let Some((_server, url)) = mariadb(&authority).await else { return };
    let mut admin = MySqlConnection::connect(&url.replace("://", "://root@")).await.unwrap();
    for made in [
        "CREATE TABLE jobs (queue INT)",
        "CREATE SEQUENCE tickets",
        "CREATE FUNCTION bump() RETURNS INT BEGIN INSERT INTO jobs VALUES (1); RETURN 1; END",
        "CREATE USER reader@'127.0.0.1' REQUIRE X509",
        "GRANT ALL ON *.* TO reader@'127.0.0.1'",
    ] {
        admin.execute(sqlx::raw_sql(made)).await.unwrap();
    }
    let config = SqlConfig {
        user: Some("reader".to_owned()),
        ca_file: Some(authority.at("ca.pem")),
        cert_file: Some(authority.at("client.pem")),
        key_file: Some(authority.at("client.key")),
        ..SqlConfig::new(&url)
    };
    let source = SqlSource::new("shop", config.clone()).unwrap();
    source.check().await.unwrap();
    let encrypted = "SELECT count(*) AS value FROM information_schema.SESSION_STATUS
        WHERE VARIABLE_NAME = 'SSL_VERSION' AND VARIABLE_VALUE LIKE 'TLS%'";
    assert_eq!(told(&source, encrypted, &["web"]).await, [row("web", 1.0)]);
    for query in ["SELECT bump() AS value", "SELECT NEXTVAL(tickets) AS value"] {
        let error = measure(&source, query, Subject::Target, &[("web", &[])], 1).await.unwrap_err().to_string();
        assert!(error.contains("READ ONLY transaction"), "{query}: {error}");
    }
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM jobs").fetch_one(&mut admin).await.unwrap();
    assert_eq!(left, 0);

    for (config, expected) in [
        (SqlConfig { ca_file: Some(stranger.at("ca.pem")), ..config.clone() }, "UnknownIssuer"),
        (SqlConfig { cert_file: None, key_file: None, ..config }, "Access denied"),
    ] {
        let error = SqlSource::new("shop", config).unwrap().check().await.unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

/// One that speaks TLS, and the address of its database `test`.
async fn mariadb(authority: &Authority) -> Option<(Server, String)> {
    let program = program_or_skip("source sql, MariaDB with TLS", "TRIMTAB_TEST_MARIADB", "mariadbd")?;
    let beside = program.with_file_name("mariadb-install-db");
    let install = if beside.is_file() { beside } else { "mariadb-install-db".into() };
    let folder = tempfile::tempdir().unwrap();
    let data = format!("--datadir={}", folder.path().join("data").display());
    let plain = ["--no-defaults", "--user=root"];
    let made = Command::new(install).args(plain).args([&data, "--auth-root-authentication-method=normal"]).output();
    let made = made.unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let port = free_port();
    let mut command = Command::new(program);
    command.args(plain).args([&data, "--bind-address=127.0.0.1", &format!("--port={port}")]);
    command.arg(format!("--socket={}", folder.path().join("socket").display()));
    for (key, name) in [("ca", "ca.pem"), ("cert", "server.pem"), ("key", "server.key")] {
        command.arg(format!("--ssl-{key}={}", authority.text(name)));
    }
    let mut server = Server::start(command, folder);
    let url = format!("mysql://127.0.0.1:{port}/test");
    let root = url.replace("://", "://root@");
    server.ready(async || MySqlConnection::connect(&root).await.is_ok()).await;
    Some((server, url))
}

#[tokio::test]
async fn a_session_that_hangs_costs_its_time_and_the_next_question_gets_another() {
    let Some(server) = Postgres::start("source sql, a session that hangs").await else { return };
    let config = SqlConfig {
        user: Some("trimtab".to_owned()),
        tls: SqlTls::Off,
        connections_max: 1,
        connect_timeout_ms: 20_000,
        timeout_ms: 500,
        ..SqlConfig::new(&server.url().replace("trimtab@", ""))
    };
    let source = SqlSource::new("shop", config).unwrap();
    let session = async || told(&source, "SELECT pg_backend_pid() AS value", &["web"]).await[0].1;
    let first = session().await;
    assert!((first - session().await).abs() < 0.5, "sessions are kept");
    #[expect(clippy::cast_possible_truncation, reason = "a process id")]
    let hung = rustix::process::Pid::from_raw(first as i32).unwrap();
    rustix::process::kill_process(hung, rustix::process::Signal::STOP).unwrap();
    let began = Instant::now();
    let error = measure(&source, "SELECT 1", Subject::Target, &[("web", &[])], 1).await.unwrap_err();
    assert!(matches!(error, SourceError::Unreachable { .. }), "{error}");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert!((first - session().await).abs() > 0.5, "another session answers");
    rustix::process::kill_process(hung, rustix::process::Signal::KILL).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn docker_is_asked_over_tls() {
    let (authority, stranger) = (Authority::new("trimtab"), Authority::new("trimtab"));
    let [ca, cert, key] = ["ca.pem", "server.pem", "server.key"].map(|name| authority.text(name));
    let door = ["-H", "tcp://127.0.0.1:2376", "--tlsverify", "--tlscacert", &ca, "--tlscert", &cert, "--tlskey", &key];
    let Some(engine) = Engine::with("source docker, TLS", &door).await else { return };
    let image = engine.import("worker:1").await;
    super::containers::start(&engine.client(), &image, "w1", None).await;
    let config = |vouching: &Authority, shown: &Authority| {
        let host = StatsHost {
            url: "tcp://127.0.0.1:2376".to_owned(),
            ca_file: Some(vouching.at("ca.pem")),
            cert_file: Some(shown.at("client.pem")),
            key_file: Some(shown.at("client.key")),
        };
        DockerStatsConfig { host: [("a".to_owned(), host)].into(), ..DockerStatsConfig::default() }
    };
    engine.within(async || {
        let source = DockerStatsSource::new("engine", config(&authority, &authority)).unwrap();
        source.check().await.unwrap();
        let targets: &[(&str, &[&str])] = &[("web", &["w1"])];
        let memory = measure(&source, "memory_bytes", Subject::Instance, targets, 1).await.unwrap();
        assert!(values(&memory)[0].1 > 0.0, "{memory:?}");
        for (vouching, shown) in [(&stranger, &authority), (&authority, &stranger)] {
            let source = DockerStatsSource::new("engine", config(vouching, shown)).unwrap();
            let error = source.check().await.unwrap_err().to_string();
            assert!(error.contains("did not answer"), "{error}");
        }
    });
}
