//! A real three-member etcd on loopback, with certificates of an RKE2-layout PKI.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::{Failure, Step};

/// Members of the cluster: the fewest that survive the loss of one.
const MEMBERS: usize = 3;

/// How long a cluster may take to elect a leader on a slow machine.
const START: Duration = Duration::from_secs(60);

/// The cluster; its members end with it.
pub(crate) struct Cluster {
    members: Vec<Member>,
}

struct Member {
    process: Child,
    client_port: u16,
    log: PathBuf,
}

impl Cluster {
    /// Starts the members; their data and logs go below `work`.
    pub(crate) fn start(tls: &Path, work: &Path, cipher_suites: &str) -> Result<Self, Failure> {
        let ports = free_ports(2 * MEMBERS)?;
        let (client_ports, peer_ports) = ports.split_at(MEMBERS);
        let initial: Vec<String> = peer_ports
            .iter()
            .enumerate()
            .map(|(index, port)| format!("m{index}=https://127.0.0.1:{port}"))
            .collect();
        let initial = initial.join(",");
        let mut members = Vec::with_capacity(MEMBERS);
        for index in 0..MEMBERS {
            let (client, peer) = (client_ports[index], peer_ports[index]);
            let log = work.join(format!("etcd-m{index}.log"));
            let log_file = File::create(&log).map_err(|e| Failure::new("create etcd's log", e))?;
            let file = |name: &str| tls.join("etcd").join(name).into_os_string();
            // setpriv ends etcd with this program even when this program is killed.
            let mut command = Command::new("setpriv");
            command
                .args(["--pdeathsig", "KILL", "etcd"])
                .args(["--name", &format!("m{index}")])
                .arg("--data-dir")
                .arg(work.join(format!("etcd-m{index}")))
                .args([
                    "--listen-client-urls",
                    &format!("https://127.0.0.1:{client}"),
                ])
                .args([
                    "--advertise-client-urls",
                    &format!("https://127.0.0.1:{client}"),
                ])
                .args(["--listen-peer-urls", &format!("https://127.0.0.1:{peer}")])
                .args([
                    "--initial-advertise-peer-urls",
                    &format!("https://127.0.0.1:{peer}"),
                ])
                .args([
                    "--initial-cluster",
                    &initial,
                    "--initial-cluster-state",
                    "new",
                ])
                .args(["--cipher-suites", cipher_suites])
                .args(["--client-cert-auth", "--peer-client-cert-auth"])
                .arg("--trusted-ca-file")
                .arg(file("server-ca.crt"))
                .arg("--cert-file")
                .arg(file("server-client.crt"))
                .arg("--key-file")
                .arg(file("server-client.key"))
                .arg("--peer-trusted-ca-file")
                .arg(file("peer-ca.crt"))
                .arg("--peer-cert-file")
                .arg(file("peer-server-client.crt"))
                .arg("--peer-key-file")
                .arg(file("peer-server-client.key"))
                .args(["--logger", "zap", "--log-outputs", "stderr"])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(log_file);
            let process = command.spawn().map_err(|e| {
                Failure::new(
                    "start etcd (Debian package etcd-server, setpriv of util-linux)",
                    e,
                )
            })?;
            members.push(Member {
                process,
                client_port: client,
                log,
            });
        }
        Ok(Self { members })
    }

    /// The client endpoints, `127.0.0.1:PORT`.
    pub(crate) fn endpoints(&self) -> Vec<String> {
        self.members
            .iter()
            .map(|member| format!("127.0.0.1:{}", member.client_port))
            .collect()
    }

    /// Waits until every member answers `/health` over TLS.
    pub(crate) async fn wait_healthy(&mut self, client: &Client) -> Result<(), Failure> {
        let began = Instant::now();
        for index in 0..self.members.len() {
            let endpoint = format!("127.0.0.1:{}", self.members[index].client_port);
            loop {
                let problem = match client.healthy(&endpoint).await {
                    Ok(true) => break,
                    Ok(false) => "it answers, and says it is not healthy".to_owned(),
                    Err(error) => error.to_string(),
                };
                if let Ok(Some(status)) = self.members[index].process.try_wait() {
                    return Err(self.failed(index, &format!("ended with {status}")));
                }
                if began.elapsed() > START {
                    return Err(self.failed(index, &problem));
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        Step::say(&format!(
            "{} members are healthy after {:.1} s",
            self.members.len(),
            began.elapsed().as_secs_f32()
        ));
        Ok(())
    }

    fn failed(&self, index: usize, problem: &str) -> Failure {
        let log = fs::read_to_string(&self.members[index].log).unwrap_or_default();
        let tail: Vec<&str> = log.lines().rev().take(5).collect();
        Failure::say(&format!(
            "etcd member m{index} did not become healthy: {problem}\nits log ends:\n{}",
            tail.into_iter().rev().collect::<Vec<_>>().join("\n")
        ))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for member in &mut self.members {
            let _ = member.process.kill();
            let _ = member.process.wait();
        }
    }
}

/// Ports nobody listens on now. All are held until all are known, so that none comes twice.
fn free_ports(count: usize) -> Result<Vec<u16>, Failure> {
    let held: Vec<TcpListener> = (0..count)
        .map(|_| TcpListener::bind(("127.0.0.1", 0)))
        .collect::<Result<_, _>>()
        .map_err(|e| Failure::new("find free ports", e))?;
    held.iter()
        .map(|listener| listener.local_addr().map(|address| address.port()))
        .collect::<Result<_, _>>()
        .map_err(|e| Failure::new("find free ports", e))
}
