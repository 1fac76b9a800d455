//! Clients that write and read back all the time: kubectl to the API server, etcdctl to etcd.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::run::Run;

const SPACE: &str = "load";

/// How long one write may take with its retries: a restart of the API server fits.
const LONGEST: Duration = Duration::from_secs(60);

/// The writers at work.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    writers: Vec<(&'static str, JoinHandle<Outcome<Books>>)>,
}

/// What a writer did.
#[derive(Default)]
struct Books {
    acknowledged: u32,
    retries: u32,
    longest: Duration,
    last_problem: String,
}

impl Load {
    /// Starts them; each has its first write acknowledged before this comes back.
    pub(crate) fn start(run: &Run) -> Outcome<Self> {
        let admin = run.file(run.layout.admin);
        let kubectl = run.kubectl();
        let made = kubectl.run(&admin, &["create", "namespace", SPACE])?;
        if !made.success && !made.stderr.contains("(AlreadyExists)") {
            return Err(made.stderr);
        }
        let series = run.unique();
        let stop = Arc::new(AtomicBool::new(false));
        let etcd = Etcd::new(run);
        let mut writers = Vec::new();
        let stopped = Arc::clone(&stop);
        writers.push((
            "kubectl",
            std::thread::spawn(move || {
                write_all(&stopped, |number| {
                    let name = format!("write-{series}-{number}");
                    let value = format!("--from-literal=number={number}");
                    let words = ["create", "configmap", &name, "-n", SPACE, &value];
                    let answer = kubectl.run(&admin, &words)?;
                    // The answer to an earlier try may have been lost with the connection.
                    if !answer.success && !answer.stderr.contains("(AlreadyExists)") {
                        return Err(answer.stderr);
                    }
                    let path = "jsonpath={.data.number}";
                    let words = ["get", "configmap", &name, "-n", SPACE, "-o", path];
                    match kubectl.get(&admin, &words)? {
                        found if found == number.to_string() => Ok(()),
                        found => Err(format!("{name} reads back as {found:?}")),
                    }
                })
            }),
        ));
        let stopped = Arc::clone(&stop);
        writers.push((
            "etcdctl",
            std::thread::spawn(move || {
                write_all(&stopped, |number| {
                    let (key, value) = (format!("load/{series}/{number}"), number.to_string());
                    etcd.call(&["put", &key, &value])?;
                    match etcd.call(&["get", "--print-value-only", &key])?.trim() {
                        found if found == value => Ok(()),
                        found => Err(format!("{key} reads back as {found:?}")),
                    }
                })
            }),
        ));
        Ok(Self { stop, writers })
    }

    /// Ends them; each write was acknowledged, and tells how long the longest took.
    pub(crate) fn finish(self, run: &Run) -> Outcome {
        self.stop.store(true, Ordering::Relaxed);
        for (name, writer) in self.writers {
            let books = writer
                .join()
                .map_err(|_| format!("the writer {name} panicked"))?
                .map_err(|why| format!("the writer {name}: {why}"))?;
            if books.acknowledged == 0 {
                return Err(format!("{name} wrote nothing"));
            }
            run.ok(&format!(
                "{name}: {} writes, all acknowledged and read back; {} tries repeated, the \
                 longest write took {:.1} s{}",
                books.acknowledged,
                books.retries,
                books.longest.as_secs_f32(),
                match books.last_problem.lines().last() {
                    Some(line) => format!(" ({})", line.trim()),
                    None => String::new(),
                }
            ));
        }
        Ok(())
    }
}

/// Writes one number after the other, each until it is acknowledged.
fn write_all(stop: &AtomicBool, mut write: impl FnMut(u32) -> Outcome) -> Outcome<Books> {
    let mut books = Books::default();
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        while let Err(why) = write(books.acknowledged) {
            books.retries += 1;
            if began.elapsed() > LONGEST {
                return Err(format!(
                    "write {} not within {LONGEST:?}: {why}",
                    books.acknowledged
                ));
            }
            books.last_problem = why;
            sleep(Duration::from_millis(200));
        }
        books.longest = books.longest.max(began.elapsed());
        books.acknowledged += 1;
        sleep(Duration::from_millis(100));
    }
    Ok(books)
}

/// etcdctl, for a thread of its own.
struct Etcd {
    endpoint: String,
    files: [PathBuf; 3],
}

impl Etcd {
    fn new(run: &Run) -> Self {
        let (ca, client) = (run.layout.etcd_ca, run.layout.etcd_client);
        Self {
            endpoint: format!("https://127.0.0.1:{}", run.ports.etcd),
            files: [
                format!("{ca}.crt"),
                format!("{client}.crt"),
                format!("{client}.key"),
            ]
            .map(|name| run.file(&name)),
        }
    }

    fn call(&self, words: &[&str]) -> Outcome<String> {
        crate::run::etcdctl(&self.endpoint, &self.files, words)
    }
}
