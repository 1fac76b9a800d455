use fips_boundary::certs::crl::{Register, Revocation, RevocationListParams, RevocationReason};
use fips_boundary::certs::{Authority, Clock, SystemClock};
use fips_boundary::tls::{self, Trust};

/// The authority's trust, with a list of so many serial numbers; with none, without a list.
pub(crate) fn trust_with_list(ca: &Authority, size: usize) -> Trust {
    let trust = Trust::from_pem(ca.certificate().to_pem()).expect("it may be trusted");
    if size == 0 {
        return trust;
    }
    let mut register = register(ca, size);
    let list = RevocationListParams::default()
        .signed_by(&mut register, ca, &SystemClock)
        .expect("a list");
    let lists = tls::Revocation::from_der(vec![list.der().to_vec().into()]).expect("a list");
    trust.with_revocation(lists).expect("its own")
}

/// A register of so many revocations, read as from a file: adding one looks at all others.
fn register(ca: &Authority, size: usize) -> Register {
    let mut register = Register::new("bench");
    register.add(Revocation::of_serial(
        "00".to_owned(),
        ca.certificate(),
        RevocationReason::KeyCompromise,
        SystemClock.now(),
    ));
    let json = register.to_json().expect("JSON");
    let mut json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    let entries = json["revocations"].as_array_mut().expect("a list");
    let one = entries.remove(0);
    entries.extend((0..size as u64).map(|number| {
        let mut entry = one.clone();
        entry["serial"] = format!("{:016X}", (1_u64 << 62) + number).into();
        entry
    }));
    Register::from_json("bench", json.to_string().as_bytes()).expect("a register")
}
