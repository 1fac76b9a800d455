//! An agent on a real directory: what it renews, when it waits, whom it tells, what it serves.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use fips_agent::{Agent, Config, Error, Renewer, Round};
use fips_certs::catalogue::{Catalogue, Options, Program};
use fips_certs::pki::{Kind, RenewalPolicy, Status};
use fips_certs::store::DirStore;
use fips_certs::time::OffsetDateTime;
use fips_certs::{Clock, FixedClock, Pki, SystemClock};
use fips_core::{Boundary, Requirements};

const DAY: Duration = Duration::from_secs(86_400);
const SETTLE: Duration = Duration::from_secs(300);
const MINUTE: Duration = Duration::from_secs(60);

fn boundary() -> Boundary {
    Boundary::enter_for_evaluation(Requirements::strict()).unwrap()
}

/// A PKI made `days` ago, and a clock that stands at that time.
fn made(days: u32) -> (tempfile::TempDir, PathBuf, Arc<FixedClock>) {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("server");
    let store = DirStore::create_or_open(&dir).unwrap();
    let clock = Arc::new(FixedClock::new(SystemClock.now() - DAY * days));
    let catalogue = Catalogue::new(Options::new(Program::Rke2, "node-1")).unwrap();
    Pki::init(&boundary(), &store, catalogue, &*clock).unwrap();
    (folder, dir, clock)
}

fn renewer(dir: &Path, clock: &Arc<FixedClock>) -> Renewer {
    let clock: Arc<dyn Clock> = Arc::clone(clock) as _;
    Renewer::new(boundary(), dir, RenewalPolicy::default(), SETTLE, clock)
}

fn renewed(round: &Round) -> usize {
    round
        .report
        .as_ref()
        .map_or(0, |report| report.issued.len())
}

fn leaves(round: &Round) -> usize {
    round
        .rows
        .iter()
        .filter(|row| row.kind == Kind::Leaf)
        .count()
}

#[test]
fn what_expired_while_nobody_looked_is_renewed_at_the_first_look() {
    let (_folder, dir, clock) = made(0);
    let mut early = renewer(&dir, &clock);
    assert_eq!(renewed(&early.look(Duration::ZERO).unwrap()), 0);
    clock.advance(DAY * 700);
    let round = renewer(&dir, &clock).look(Duration::ZERO).unwrap();
    assert_eq!(renewed(&round), leaves(&round));
    for row in &round.rows {
        assert_eq!(row.status, Status::Ok, "{row:?}");
    }
    assert!(round.due.unwrap() > clock.now() + DAY * 200);
}

#[test]
fn a_clock_that_jumps_is_waited_with() {
    for (ahead, jump) in [(true, DAY * 300), (false, DAY * 3)] {
        let (_folder, dir, clock) = made(0);
        clock.advance(DAY);
        let mut renewer = renewer(&dir, &clock);
        assert_eq!(renewed(&renewer.look(Duration::ZERO).unwrap()), 0);
        let now = clock.now();
        clock.set(if ahead { now + jump } else { now - jump });
        let round = renewer.look(MINUTE).unwrap();
        assert_eq!(renewed(&round), 0, "{:?}", round.held);
        let held = round.held.unwrap();
        assert_eq!(held.jump_seconds > 0, ahead, "{held}");
        clock.advance(SETTLE);
        let round = renewer.look(SETTLE).unwrap();
        assert!(round.held.is_none(), "{:?}", round.held);
        if ahead {
            assert_eq!(renewed(&round), leaves(&round));
        } else {
            // The authorities begin later than this clock: nothing can be signed, and it says so.
            assert_eq!(renewed(&round), 0);
            assert!(round.blocked.len() >= leaves(&round), "{:?}", round.blocked);
        }
    }
}

#[test]
fn a_rotation_under_way_is_known() {
    let (_folder, dir, clock) = made(0);
    assert!(
        renewer(&dir, &clock)
            .look(Duration::ZERO)
            .unwrap()
            .rotations
            .is_empty()
    );
    let store = DirStore::open(&dir).unwrap();
    let pki = Pki::open(&store).unwrap();
    let rotation = pki.rotation("etcd/server-ca").unwrap();
    rotation.start(&boundary(), &*clock).unwrap();
    drop(store);
    let round = renewer(&dir, &clock).look(Duration::ZERO).unwrap();
    let known: Vec<_> = round.rotations.iter().collect();
    assert_eq!(known, [(&"etcd/server-ca".to_owned(), &"prepare")]);
    assert_eq!(renewed(&round), 0);
}

#[test]
fn a_directory_that_a_command_holds_is_not_touched() {
    let (_folder, dir, clock) = made(300);
    clock.set(SystemClock.now());
    let store = DirStore::open(&dir).unwrap();
    let told = renewer(&dir, &clock).look(Duration::ZERO).unwrap_err();
    assert!(
        matches!(told, Error::Certs(fips_certs::Error::Locked { .. })),
        "{told}"
    );
    drop(store);
    assert!(renewed(&renewer(&dir, &clock).look(Duration::ZERO).unwrap()) > 0);
}

#[test]
fn time_that_passed_while_a_look_failed_is_no_jump() {
    let (_folder, dir, clock) = made(0);
    let mut renewer = renewer(&dir, &clock);
    renewer.look(Duration::ZERO).unwrap();
    // Due by then, so that a jump would show.
    clock.advance(DAY * 300);
    let store = DirStore::open(&dir).unwrap();
    renewer.look(DAY * 300).unwrap_err();
    drop(store);
    clock.advance(Duration::from_secs(2));
    let round = renewer.look(Duration::from_secs(2)).unwrap();
    assert_eq!(round.held, None);
    assert_eq!(renewed(&round), leaves(&round));
}

fn config(dir: &Path, more: &str) -> Config {
    let text = format!(
        r#"
dir = "{}"
[retry]
first = "1s"
most = "2s"
[endpoint]
listen = "127.0.0.1:0"
certificate = "tls/serving-kube-apiserver.crt"
key = "tls/serving-kube-apiserver.key"
client_ca = "tls/client-ca.crt"
clients = ["system:admin"]
{more}"#,
        dir.display()
    );
    Config::from_toml(&text).unwrap()
}

/// curl as a client with the leaf of that name.
fn curl(dir: &Path, leaf: Option<&str>, url: &str, more: &[&str]) -> Output {
    let file = |name: &str| dir.join("tls").join(name).display().to_string();
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--max-time", "20", "--cacert"]);
    command.arg(file("server-ca.crt")).args(more);
    if let Some(leaf) = leaf {
        command.arg("--cert").arg(file(&format!("{leaf}.crt")));
        command.arg("--key").arg(file(&format!("{leaf}.key")));
    }
    command
        .args(["--write-out", "\n%{http_code}", url])
        .output()
        .expect("curl is missing: apt-get install curl")
}

/// The body and the status code.
fn asked(dir: &Path, leaf: &str, url: &str, more: &[&str]) -> (String, u16) {
    let output = curl(dir, Some(leaf), url, more);
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, code) = text.rsplit_once('\n').unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    (
        body.to_owned(),
        code.parse().unwrap_or_else(|_| panic!("{errors}")),
    )
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// Asks again until the answer is as wished.
async fn until(
    dir: &Path,
    url: String,
    wished: impl Fn(&str, u16) -> bool + Send + Copy + 'static,
) -> String {
    let dir = dir.to_owned();
    blocking(move || {
        let mut last = (String::new(), 0);
        for _ in 0..100 {
            last = asked(&dir, "client-admin", &url, &[]);
            if wished(&last.0, last.1) {
                return last.0;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        let shown: String = last.0.chars().rev().take(400).collect();
        panic!(
            "{url}: {} ...{}",
            last.1,
            shown.chars().rev().collect::<String>()
        );
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_renews_tells_and_serves() {
    let (folder, dir, clock) = made(300);
    clock.set(SystemClock.now() - DAY * 250);
    let told = folder.path().join("told");
    let gate = folder.path().join("gate");
    let more = format!(
        r#"
[[hook]]
name = "etcd"
entries = ["etcd/client"]
command = ["/bin/sh", "-c", "test -e {} && printf '%s\n' \"$FIPS_AGENT_ENTRIES\" >> {}"]
"#,
        gate.display(),
        told.display()
    );
    let mut agent = Agent::new(
        boundary(),
        config(&dir, &more),
        Arc::clone(&clock) as Arc<dyn Clock>,
    )
    .unwrap();
    // Never two at once on a directory.
    let second = Agent::new(boundary(), config(&dir, ""), Arc::new(SystemClock)).unwrap_err();
    assert!(matches!(second, Error::AlreadyKept { .. }), "{second}");

    let address = agent.listen().await.unwrap().unwrap();
    let url = |path: &str| format!("https://localhost:{}{path}", address.port());
    let look = agent.look_now();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(agent.run(async {
        let _ = stopped.await;
    }));

    until(&dir, url("/readyz"), |body, code| {
        code == 200 && body == "ok\n"
    })
    .await;
    let metrics = until(&dir, url("/metrics"), |_, code| code == 200).await;
    for line in [
        "fips_certificate_expiry_timestamp_seconds{file=\"tls/client-admin.crt\",entry=\"client-admin\",position=\"0\"}",
        "fips_boundary_open{opening=\"evaluation\"",
        "fips_renewals_total 0",
        "# EOF",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    let (at, address) = (dir.clone(), address.port());
    blocking(move || {
        let url = |path: &str| format!("https://localhost:{address}{path}");
        assert_eq!(asked(&at, "client-admin", &url("/healthz"), &[]).1, 200);
        assert_eq!(asked(&at, "client-admin", &url("/"), &[]).1, 404);
        let post = ["--request", "POST"];
        assert_eq!(asked(&at, "client-admin", &url("/metrics"), &post).1, 405);
        // One that is known, but is not to be answered.
        assert_eq!(
            asked(&at, "client-kube-apiserver", &url("/metrics"), &[]).1,
            403
        );
        // Another authority's client, and none: no connection at all.
        for leaf in [Some("etcd/client"), None] {
            let output = curl(&at, leaf, &url("/healthz"), &[]);
            assert!(!output.status.success(), "{output:?}");
        }
    })
    .await;

    // Time goes on until everything is due. The jump is waited with; the hook's gate is closed.
    let before = until(&dir, url("/status"), |_, code| code == 200).await;
    clock.set(SystemClock.now());
    look.send(()).await.unwrap();
    until(&dir, url("/status"), |body, _| {
        body.contains("\"jump_seconds\": 21")
    })
    .await;
    // A look follows when the clock has settled; here real time is not waited for.
    assert!(before.contains("\"held\": null"), "{before}");
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();

    // A new agent starts without a jump, renews at once, and owes the hook a run until the gate
    // is open: readiness says so.
    let mut agent = Agent::new(boundary(), config(&dir, &more), Arc::new(SystemClock)).unwrap();
    let port = agent.listen().await.unwrap().unwrap().port();
    let url = move |path: &str| format!("https://localhost:{port}{path}");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(agent.run(async {
        let _ = stopped.await;
    }));
    let told_why = until(&dir, url("/readyz"), |_, code| code == 503).await;
    assert!(told_why.contains("hook etcd"), "{told_why}");
    assert!(!told.exists());
    std::fs::write(&gate, "").unwrap();
    until(&dir, url("/readyz"), |_, code| code == 200).await;
    assert_eq!(std::fs::read_to_string(&told).unwrap(), "etcd/client\n");
    let status = until(&dir, url("/status"), |_, code| code == 200).await;
    assert!(
        status.contains("\"renewed\": ") && !status.contains("\"renewed\": 0"),
        "{status}"
    );
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();

    // What the hook knows outlives the agent: a third one does not run it again.
    let third = Agent::new(boundary(), config(&dir, &more), Arc::new(SystemClock)).unwrap();
    let wait = tokio::time::sleep(Duration::from_secs(2));
    third.run(wait).await.unwrap();
    assert_eq!(std::fs::read_to_string(&told).unwrap(), "etcd/client\n");

    // Renewed by hand meanwhile: the next agent tells the hook.
    renew_by_hand(&dir);
    let fourth = Agent::new(boundary(), config(&dir, &more), Arc::new(SystemClock)).unwrap();
    fourth
        .run(tokio::time::sleep(Duration::from_secs(2)))
        .await
        .unwrap();
    let told = std::fs::read_to_string(&told).unwrap();
    assert_eq!(told, "etcd/client\netcd/client\n");
}

/// A new hook whose first run fails is owed it all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_hook_that_fails_at_first_is_tried_until_it_has_run() {
    let (folder, dir, clock) = made(300);
    clock.set(SystemClock.now());
    let told = folder.path().join("told");
    let script = format!(
        "echo try >> {0}; test $(grep -c try {0}) -ge 3",
        told.display()
    );
    let more = format!("[[hook]]\nname = 'fails'\ncommand = ['/bin/sh', '-c', '{script}']");
    let agent = Agent::new(boundary(), config(&dir, &more), Arc::new(SystemClock)).unwrap();
    agent
        .run(tokio::time::sleep(Duration::from_secs(10)))
        .await
        .unwrap();
    let tries = std::fs::read_to_string(&told).unwrap().lines().count();
    assert_eq!(tries, 3);
}

/// The hook itself holds the directory when the agent is to note that it ran.
#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_held_when_a_hook_has_run_ends_nothing() {
    let (folder, dir, clock) = made(300);
    clock.set(SystemClock.now());
    let told = folder.path().join("told");
    let script = format!(
        "echo ran >> {}; (flock 9; sleep 3) 9<>{}/.fips-lock >/dev/null 2>&1 & sleep 1",
        told.display(),
        dir.display()
    );
    let more = format!("[[hook]]\nname = 'holds'\ncommand = ['/bin/sh', '-c', '{script}']");
    let agent = Agent::new(boundary(), config(&dir, &more), Arc::new(SystemClock)).unwrap();
    agent
        .run(tokio::time::sleep(Duration::from_secs(10)))
        .await
        .unwrap();
    // Once more after it could not be noted: at least once, never not at all.
    let runs = std::fs::read_to_string(&told).unwrap().lines().count();
    assert!(runs >= 2, "{runs}");
}

fn renew_by_hand(dir: &Path) {
    let store = DirStore::open(dir).unwrap();
    let pki = Pki::open(&store).unwrap();
    let mut policy = RenewalPolicy::default();
    policy.force = true;
    policy.names = vec!["etcd/client".into()];
    let diagnostic = fips_core::Diagnostic::new().unwrap();
    let now: OffsetDateTime = SystemClock.now();
    let plan = pki.renewals(&diagnostic, now, &policy).unwrap();
    pki.renew(&boundary(), &plan, &SystemClock).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_of_what_is_not_there_end_the_agent_with_their_name() {
    let (_folder, dir, _) = made(0);
    let more = "[[hook]]\nname = 'a'\nservices = ['nothing']\ncommand = ['/bin/true']";
    let agent = Agent::new(boundary(), config(&dir, more), Arc::new(SystemClock)).unwrap();
    let told = agent
        .run(std::future::pending())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        told.contains("nothing") && told.contains("hook \"a\""),
        "{told}"
    );
}

#[test]
fn a_list_that_is_due_is_issued_although_no_leaf_is() {
    let (_folder, dir, clock) = made(0);
    list_by_hand(&dir, &*clock);
    let mut renewer = renewer(&dir, &clock);
    let round = renewer.look(Duration::ZERO).unwrap();
    assert!(round.lists.is_none());
    // The next look is no later than half of the list's time.
    assert!(round.due.unwrap() < clock.now() + DAY * 4);
    clock.advance(DAY * 4);
    let round = renewer.look(DAY * 4).unwrap();
    assert_eq!(renewed(&round), 0);
    let lists = round.lists.unwrap();
    assert!(lists.blocked.is_empty(), "{lists:?}");
    assert_eq!(lists.lists[0].authority, "client-ca");
    for row in &round.rows {
        assert_eq!(row.status, Status::Ok, "{row:?}");
    }
    // After a jump of the clock it waits, as renewals do.
    clock.advance(DAY * 5);
    let round = renewer.look(MINUTE).unwrap();
    assert!(round.lists.is_none() && round.held.is_some());
    clock.advance(SETTLE);
    assert!(renewer.look(SETTLE).unwrap().lists.is_some());
    // One that cannot be issued is told of, and leaves go on.
    std::fs::write(dir.join("fips/revoked/client-ca.json"), "{}").unwrap();
    let round = renewer.look(Duration::ZERO).unwrap();
    assert_eq!(round.lists.unwrap().blocked[0].authority, "client-ca");
}

fn list_by_hand(dir: &Path, clock: &dyn Clock) {
    let store = DirStore::open(dir).unwrap();
    let params = fips_certs::crl::RevocationListParams::default();
    let pki = Pki::open(&store).unwrap();
    pki.refresh_lists(&boundary(), &["client-ca".into()], &params, clock)
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_say_by_when_the_next_list_comes() {
    let (_folder, dir, _) = made(6);
    // Due before the agent starts.
    list_by_hand(&dir, &FixedClock::new(SystemClock.now() - DAY * 5));
    let mut agent = Agent::new(boundary(), config(&dir, ""), Arc::new(SystemClock)).unwrap();
    let port = agent.listen().await.unwrap().unwrap().port();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(agent.run(async {
        let _ = stopped.await;
    }));
    const NAME: &str = "fips_crl_next_update_timestamp_seconds{authority=\"client-ca\",\
                file=\"fips/crl/client-ca.crl\"} ";
    let url = format!("https://localhost:{port}/metrics");
    let metrics = until(&dir, url, |body, _| body.contains(NAME)).await;
    let ends = metrics
        .lines()
        .find_map(|line| line.strip_prefix(NAME))
        .unwrap();
    let ends: i64 = ends.parse().unwrap();
    assert!(ends > (SystemClock.now() + DAY * 6).unix_timestamp());
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
}
