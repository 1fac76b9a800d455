//! Every public way through this crate to a configuration, with the reason why it widens
//! nothing, and every public function of rustls's own configurations.

use syn::Fields;

use crate::profiles::WAYS;
use crate::source::{self, assert_all_judged, is_public};

/// Public functions and traits of the types that lead to a configuration. Those of `Profile`
/// that make another profile are in `profiles`, with what they may add.
const TYPES: &[(&str, &[(&str, &str)])] = &[
    (
        "Authorization",
        &[
            (
                "any_of",
                "refuses more; never no rule, and none that is empty",
            ),
            ("from_file", "as any_of"),
            ("from_toml", "as any_of"),
            ("judge", "reads"),
            ("rules", "reads"),
            (": Clone", "the same rules"),
            (": Debug", "reads"),
            (": Deserialize", "as any_of"),
            (": Display", "reads"),
            (": Eq", "reads"),
            (": PartialEq", "reads"),
            (": TryFrom", "as any_of"),
        ],
    ),
    (
        "ClientBuilder",
        &[
            ("build", "checks what it built"),
            ("with_alpn", "application protocols are the caller's"),
            ("with_authorization", "refuses more"),
            ("with_identities", "as with_identity"),
            ("with_identity", "judged under the profile by build"),
            ("with_identity_for", "as with_identity"),
            (
                "with_time_provider",
                "the clock is the caller's; no list depends on it",
            ),
            (
                "with_trust",
                "judged under the profile by build; there is no way round it",
            ),
            (": Debug", "reads"),
        ],
    ),
    (
        "ClientConfig",
        &[
            ("builder", "takes a witness and a profile"),
            ("check", "reads"),
            ("profile", "reads"),
            (
                "rustls",
                "shares what was checked; a changed copy is the caller's, for check",
            ),
            (
                "rustls_for",
                "as rustls, of another identity and nothing else",
            ),
            ("session", "reads, and judges the peer's chain once more"),
            (": Clone", "shares the same"),
            (": Current", "shares the same"),
            (": Debug", "reads"),
        ],
    ),
    (
        "FleetKeys",
        &[
            (
                "from_bytes",
                "roots of tickets' keys, of their own form alone",
            ),
            ("generate", "takes a witness; roots of the module's DRBG"),
            ("generation", "reads"),
            ("rotated", "a root of the module's DRBG more"),
            (
                "to_bytes",
                "gives the roots out, to be sealed; no list depends on them",
            ),
            (": Clone", "shares the same"),
            (": Debug", "reads"),
        ],
    ),
    (
        "Identities",
        &[
            ("is_empty", "reads"),
            ("len", "reads"),
            ("new", "none: build refuses it"),
            ("with", "takes what Identity judged; build judges again"),
            ("with_default", "as with"),
            ("with_names", "as with, for names the certificate has"),
            (": Clone", "the same identities"),
            (": Debug", "reads"),
            (": Default", "as new"),
        ],
    ),
    (
        "Identity",
        &[
            ("algorithm", "reads"),
            ("chain", "reads"),
            ("from_der", "judges keys and signatures; build judges again"),
            ("from_files", "as from_der"),
            ("from_pem", "as from_der"),
            ("leaf", "reads"),
            (": Clone", "the same identity"),
            (": Debug", "reads"),
        ],
    ),
    (
        "Profile",
        &[
            ("accepts_key", "reads"),
            ("accepts_scheme", "reads"),
            ("cnsa1", "has a name: see the ceiling in profiles"),
            ("groups", "reads"),
            ("key_rules", "reads"),
            ("name", "reads"),
            ("optional_groups", "reads"),
            ("schemes", "reads"),
            ("sp800_52r2", "has a name: see the ceiling in profiles"),
            ("suites", "reads"),
            ("title", "reads"),
            ("to_toml", "reads"),
            ("tls13", "has a name: see the ceiling in profiles"),
            ("versions", "reads"),
            (": Clone", "the same profile"),
            (": Debug", "reads"),
            (": Default", "one that has a name"),
            (": Eq", "reads"),
            (": FromStr", "those that have names"),
            (": PartialEq", "reads"),
        ],
    ),
    (
        "Revocation",
        &[
            (
                "allowing_unlisted_issuers",
                "says so in its name; what a list names stays refused",
            ),
            ("allows_unlisted_issuers", "reads"),
            (
                "from_der",
                "judges each list, at least one; build judges again",
            ),
            ("from_files", "as from_der"),
            ("from_pem", "as from_der"),
            ("lists", "reads"),
            (": Clone", "the same lists"),
            (": Debug", "reads"),
        ],
    ),
    (
        "ServerBuilder",
        &[
            ("build", "checks what it built"),
            ("with_alpn", "application protocols are the caller's"),
            (
                "with_authorization",
                "refuses more; build refuses rules about clients that are never asked",
            ),
            (
                "with_fleet_keys",
                "sealed by the module as without, under keys derived in it, for those who believe the same",
            ),
            ("with_client_trust", "judged under the profile by build"),
            ("with_identities", "each judged under the profile by build"),
            ("with_identity", "judged under the profile by build"),
            (
                "with_time_provider",
                "the clock is the caller's; no list depends on it",
            ),
            (
                "without_client_authentication",
                "says so in its name; suites and groups stay",
            ),
            (": Debug", "reads"),
        ],
    ),
    (
        "ServerConfig",
        &[
            ("builder", "takes a witness and a profile"),
            ("check", "reads"),
            ("profile", "reads"),
            (
                "rustls",
                "shares what was checked; a changed copy is the caller's, for check",
            ),
            ("session", "reads, and judges the peer's chain once more"),
            (": Clone", "shares the same"),
            (": Current", "shares the same"),
            (": Debug", "reads"),
        ],
    ),
    (
        "Trust",
        &[
            ("certificates", "reads"),
            (
                "from_der",
                "judges each anchor, at least one; build judges again",
            ),
            ("fingerprint", "reads"),
            ("from_file", "as from_der"),
            ("from_pem", "as from_der"),
            ("revocation", "reads"),
            (
                "with_revocation",
                "refuses more; lists are judged here and by build",
            ),
            (": Clone", "the same anchors"),
            (": Debug", "reads"),
        ],
    ),
];

#[test]
fn every_way_to_a_configuration_is_judged() {
    let items = source::ours();
    for (name, table) in TYPES {
        let mut table: Vec<_> = table.iter().map(|row| row.0).collect();
        if *name == "Profile" {
            table.extend(WAYS.iter().map(|way| way.name));
        }
        let mut found: Vec<_> = source::methods(items, name)
            .iter()
            .map(|function| function.sig.ident.to_string())
            .collect();
        let item = source::structure(items, name);
        found.extend(traits_of(name));
        found.extend(derived(item));
        assert_all_judged(name, found, table);
        // No field is open to be changed.
        let Fields::Named(fields) = &item.fields else {
            panic!("{name} has no named fields");
        };
        assert!(
            fields.named.iter().all(|field| !is_public(&field.vis)),
            "{name}"
        );
    }
}

/// Traits implemented by hand.
fn traits_of(name: &str) -> Vec<String> {
    source::impls(source::ours(), name)
        .iter()
        .filter_map(|item| item.trait_.as_ref())
        .map(|(path, _)| format!(": {}", path.segments.last().unwrap().ident))
        .collect()
}

fn derived(item: &syn::ItemStruct) -> Vec<String> {
    let mut traits = Vec::new();
    for attribute in item
        .attrs
        .iter()
        .filter(|attr| attr.path().is_ident("derive"))
    {
        attribute
            .parse_nested_meta(|meta| {
                let name = &meta.path.segments.last().unwrap().ident;
                traits.push(format!(": {name}"));
                Ok(())
            })
            .unwrap();
    }
    traits
}

/// Free functions, those of adapters among them.
const FUNCTIONS: &[(&str, &str)] = &[
    (
        "builder",
        "adapter::reqwest: a checked configuration with its resumption off, for reqwest alone",
    ),
    ("channel", "adapter::tonic: over a connector that was made"),
    (
        "client",
        "adapter::kube: over a connector that was made; refuses a kubeconfig that does not verify",
    ),
    ("connect", "adapter::etcd, adapter::tonic: as channel"),
    (
        "install_process_default",
        "the bare provider, where rustls's process default has none",
    ),
    ("last_refusal", "a word about what was refused"),
    (
        "provider",
        "offers what a profile names: see `codes`; it is no configuration",
    ),
    ("serve", "adapter::hyper: over a listener that was made"),
    ("snapshot", "counters: reads"),
    (
        "tls",
        "adapter::kube: trust and identity of a kubeconfig, through the builder",
    ),
    (
        "verifiers",
        "the judges themselves, compiled for the fuzzer alone",
    ),
];

#[test]
fn every_free_function_is_judged() {
    let root = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/lib.rs")).unwrap();
    assert!(root.contains("#[cfg(fuzzing)]\n#[doc(hidden)]\npub mod fuzzing;"));
    let found = source::ours()
        .iter()
        .filter_map(|item| match item {
            syn::Item::Fn(function) if is_public(&function.vis) => {
                Some(function.sig.ident.to_string())
            }
            _ => None,
        })
        .collect();
    let known = FUNCTIONS.iter().map(|row| row.0).collect();
    assert_all_judged("free functions", found, known);
}

#[test]
fn whatever_gives_a_rustls_configuration_out_is_known() {
    // By its return type: another way out would have to be judged.
    let mut ways = Vec::new();
    for item in source::ours() {
        let syn::Item::Impl(block) = item else {
            continue;
        };
        for function in &block.items {
            let syn::ImplItem::Fn(function) = function else {
                continue;
            };
            let output = names(&function.sig.output);
            if is_public(&function.vis) && output.contains(&"rustls".to_owned()) {
                ways.push(function.sig.ident.to_string());
            }
        }
    }
    assert_eq!(
        ways,
        ["rustls", "rustls_for", "rustls"],
        "of ClientConfig and of ServerConfig"
    );
}

/// Every segment of every path in a return type.
fn names(output: &syn::ReturnType) -> Vec<String> {
    fn of(ty: &syn::Type, into: &mut Vec<String>) {
        if let syn::Type::Path(path) = ty {
            for segment in &path.path.segments {
                into.push(segment.ident.to_string());
                if let syn::PathArguments::AngleBracketed(inner) = &segment.arguments {
                    for argument in &inner.args {
                        if let syn::GenericArgument::Type(ty) = argument {
                            of(ty, into);
                        }
                    }
                }
            }
        }
    }
    let mut found = Vec::new();
    if let syn::ReturnType::Type(_, ty) = output {
        of(ty, &mut found);
    }
    found
}

/// Public functions of rustls's configurations: how one comes by a config or changes it.
const METHODS: &[(&str, &[(&str, &str)])] = &[
    (
        "ServerConfig",
        &[
            (
                "builder",
                "makes another, of the process's default provider",
            ),
            (
                "builder_with_details",
                "makes another, with a verifier of its own",
            ),
            (
                "builder_with_protocol_versions",
                "makes another, as builder",
            ),
            (
                "builder_with_provider",
                "makes another, with a verifier of its own",
            ),
            ("crypto_provider", "reads"),
            ("fips", "reads"),
        ],
    ),
    (
        "ClientConfig",
        &[
            (
                "builder",
                "makes another, of the process's default provider",
            ),
            (
                "builder_with_details",
                "makes another, with a verifier of its own",
            ),
            (
                "builder_with_protocol_versions",
                "makes another, as builder",
            ),
            (
                "builder_with_provider",
                "makes another, with a verifier of its own",
            ),
            ("crypto_provider", "reads"),
            ("dangerous", "sets the verifier: see that field"),
            ("fips", "reads"),
        ],
    ),
    (
        "DangerousClientConfig",
        &[("set_certificate_verifier", "see the field verifier")],
    ),
    (
        "Resumption",
        &[
            ("disabled", "see the field resumption"),
            ("in_memory_sessions", "see the field resumption"),
            ("store", "see the field resumption"),
            (
                "tls12_resumption",
                "shown in its debug form, which is compared",
            ),
        ],
    ),
];

#[test]
fn every_method_of_a_configuration_is_judged() {
    for (name, table) in METHODS {
        let found = source::methods(source::rustls(), name)
            .iter()
            .map(|function| function.sig.ident.to_string())
            .collect();
        assert_all_judged(name, found, table.iter().map(|row| row.0).collect());
    }
}
