//! Lines of the audit log: what is read is written again as it was, byte for byte; the rest is
//! refused in one line.

use fips_certs::audit::Entry;

use crate::text::assert_one_line;

const FIRST: &str = r#"{"number":1,"time":"2026-11-22T12:00:00Z","event":"log-begun","name":"audit","program":"fips-certs 0.1.0","user":0,"boundary":{"module":"AWS-LC FIPS 3.1.0","opening":"strict","waived":[]},"log":"00112233445566778899aabbccddeeff"}"#;
const ISSUED: &str = r#"{"number":2,"time":"2026-11-22T12:00:00Z","event":"issued","name":"etcd/client","subject":"CN=etcd-client","serial":"0A","issuer":"CN=etcd-server-ca@1","not-after":"2027-11-22T12:00:00Z","sha256":"00","old-serial":"09","reason":"due","program":"fips-certs 0.1.0","user":4294967295,"boundary":{"module":"AWS-LC FIPS 3.1.0","opening":"evaluation","waived":["kernel.fips"]},"previous":"00"}"#;

pub(super) fn run(data: &[u8]) {
    match Entry::from_line(data) {
        Ok(entry) => {
            assert_eq!(entry.to_line().expect("it was read"), data);
            // The chain is of lines: one must not be two.
            assert!(!data.contains(&b'\n'));
        }
        Err(why) => assert_one_line(&why),
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    [
        FIRST.to_owned(),
        ISSUED.to_owned(),
        // Unknown and missing fields, another order, another writing of the same.
        ISSUED.replace("\"user\"", "\"\\u001b[2J\""),
        ISSUED.replace("\"number\":2,", ""),
        ISSUED.replace("\"number\":2,", "\"number\":2,\"number\":2,"),
        ISSUED.replace("\"number\":2", "\"number\":2.0"),
        ISSUED.replace("12:00:00Z", "12:00:00+00:00"),
        ISSUED.replace("12:00:00Z", "12:00:60Z"),
        ISSUED.replace("\"due\"", "\"d\\u0075e\""),
        ISSUED.replace("\"due\"", "\"\\u2028\\n\\\"\""),
        ISSUED.replace("\"due\"", "null"),
        format!("{ISSUED}\n"),
        format!("{FIRST}\n{ISSUED}"),
    ]
    .map(String::into_bytes)
    .to_vec()
}
