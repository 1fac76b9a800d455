//! What was signed elsewhere: judged with every reason, and installed as one change.

#[path = "../common/mod.rs"]
mod common;
mod installed;
mod judged;

use std::path::Path;

use common::openssl;
use fips_certs::{Certificate, import};

const CA: &str = "basicConstraints=critical,CA:TRUE,pathlen:1\nkeyUsage=critical,keyCertSign,cRLSign\n\
                  subjectKeyIdentifier=hash\n";

fn certificates(folder: &Path, file: &str) -> Vec<Certificate> {
    import::read(&std::fs::read(folder.join(file)).unwrap()).unwrap()
}

/// A self-signed certificate NAME.crt of openssl, with NAME.key.
fn root(folder: &Path, name: &str, key: &str, more: &str, subject: &str, ext: &str) {
    let config = format!("[req]\nprompt=no\ndistinguished_name=dn\n[dn]\n{subject}\n[ext]\n{ext}");
    std::fs::write(folder.join("root.cnf"), config).unwrap();
    openssl(folder, &format!("genpkey -algorithm {key} -out {name}.key"));
    openssl(
        folder,
        &format!(
            "req -x509 -new -config root.cnf -extensions ext -key {name}.key -days 3000 {more} \
             -out {name}.crt"
        ),
    );
}

/// Signs NAME.csr by ISSUER to NAME.crt.
fn sign(folder: &Path, name: &str, issuer: &str, more: &str, ext: &str) {
    std::fs::write(folder.join("ext.cnf"), ext).unwrap();
    let days = if more.contains("-days") {
        ""
    } else {
        "-days 1000"
    };
    openssl(
        folder,
        &format!(
            "x509 -req -in {name}.csr -CA {issuer}.crt -CAkey {issuer}.key -extfile ext.cnf \
             {days} {more} -out {name}.crt"
        ),
    );
}

const P256: &str = "EC -pkeyopt ec_paramgen_curve:P-256";
