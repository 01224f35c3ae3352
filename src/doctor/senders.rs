//! Who may issue senders' certificates, and who takes them back.

use std::collections::BTreeSet;

use x509_parser::prelude::{FromDer, X509Certificate};

use super::Caller;
use super::certificate::{SOON, weakness};
use super::report::{Finding, Place};
use crate::config::Settings;
use crate::identity::{rfc3339, sha256};
use crate::tls::diagnosis::gate_time;
use crate::tls::revocation::{Crl, Expired, Remark};
use crate::tls::trust::{Ca, Trust};

/// A CRL that is due within this part of its life, and nobody has renewed, will be forgotten.
const LAST_PART: i64 = 4;

/// `caller` may bring intermediates whose CRLs there are.
pub(super) fn findings(settings: &Settings, caller: Option<&Caller>, at: i64) -> Vec<Finding> {
    let place = Place::new("senders", "");
    let trust = &settings.material.trust;
    let mut found = cas(&place, &trust.cas, at);
    found.extend(public_roots(&place, settings));
    let brought = caller.iter().flat_map(|caller| caller.sender.chain.iter().skip(1));
    let brought: Vec<_> = brought.filter_map(Ca::read).filter(|ca| ca.is_ca).collect();
    found.extend(crls(&place, trust, &brought, at));
    if !trust.pinned.is_empty() {
        let count = trust.pinned.len();
        found.push(place.good("pinned", format!("{count} self-signed, admitted without a CA")));
    }
    if settings.material_paths.denylist.is_some() {
        found.push(place.good("denylist", format!("{} denied", trust.denylist.len())));
    }
    let rules = &settings.clients_rules;
    found.push(if rules.is_empty() && trust.cas.is_empty() {
        place.good("allow", "no rule: whoever is pinned is admitted")
    } else if rules.is_empty() {
        place.good("allow", "no rule: any certificate of these CAs is admitted")
    } else {
        place.good("allow", rules.phrases().join("; "))
    });
    found
}

fn cas(place: &Place, cas: &[Ca], at: i64) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for ca in cas {
        let name = &ca.subject;
        if !seen.insert(sha256(ca.der())) {
            found.push(place.warning("ca", format!("{name} is there twice"), "take one of them out"));
            continue;
        }
        let Ok((_, x509)) = X509Certificate::from_der(ca.der()) else { continue };
        let validity = x509.validity();
        if let Some(weakness) = weakness(&x509) {
            let mend =
                "make a new CA, have the senders' certificates issued by it, then take this one out";
            found.push(place.fault("ca", format!("{name}: {weakness}"), mend));
        } else if ca.not_after < at {
            let detail = format!("{name} has expired ({}) and admits nobody", ca.not_after_text);
            found.push(place.fault("ca", detail, "renew the CA, or take it out of the bundle"));
        } else if validity.not_before.timestamp() > at {
            let detail = format!("{name} is not valid before {}", rfc3339(validity.not_before));
            found.push(place.fault("ca", detail, "set the clock of this machine right (timedatectl)"));
        } else if ca.not_after - at < SOON {
            let detail =
                format!("{name} expires at {}; then none of its senders is admitted", ca.not_after_text);
            found.push(place.warning(
                "ca",
                detail,
                "add its successor to clients.ca now, and issue from that",
            ));
        } else if x509.key_usage().ok().flatten().is_some_and(|usage| !usage.value.key_cert_sign()) {
            let detail = format!("{name} may not issue certificates (its keyUsage lacks keyCertSign)");
            found.push(place.fault("ca", detail, "give the CA's own certificate"));
        } else {
            found.push(place.good("ca", format!("{name}, valid until {}", ca.not_after_text)));
        }
    }
    found
}

/// A public CA issues to anybody.
fn public_roots(place: &Place, settings: &Settings) -> Option<Finding> {
    let system = rustls_native_certs::load_native_certs().certs;
    let system: BTreeSet<_> = system.iter().filter_map(Ca::read).map(|ca| ca.spki_sha256).collect();
    let public: Vec<_> =
        settings.material.trust.cas.iter().filter(|ca| system.contains(&ca.spki_sha256)).collect();
    let first = public.first()?;
    let detail = match public.len() {
        1 => format!("{} is among the roots that this system trusts for every purpose", first.subject),
        count => format!(
            "{count} of them, such as {}, are roots that this system trusts for every purpose",
            first.subject
        ),
    };
    Some(if settings.clients_rules.is_open() {
        let detail = format!(
            "{detail}, and no allow rule in force narrows it: whoever gets a certificate there is admitted"
        );
        let mend =
            "name the CA of your own senders alone in clients.ca, or name the senders in clients.allow";
        place.fault("public_ca", detail, mend)
    } else {
        place.warning("public_ca", detail, "name the CA of your own senders alone in clients.ca")
    })
}

fn crls(place: &Place, trust: &Trust, brought: &[Ca], at: i64) -> Vec<Finding> {
    if trust.crls.is_empty() && trust.cas.is_empty() {
        return Vec::new();
    }
    if trust.crls.is_empty() {
        let detail = "none: a certificate that its CA revokes is admitted until it expires";
        return vec![place.good("crl", detail)];
    }
    trust.crls.iter().map(|crl| of_crl(place, trust, brought, crl, at)).collect()
}

fn of_crl(place: &Place, trust: &Trust, brought: &[Ca], crl: &Crl, at: i64) -> Finding {
    let Crl { issuer, entries, this_update, next_update, .. } = crl;
    let known: Vec<_> = trust.cas.iter().chain(&trust.known).chain(brought).collect();
    let unsigned = crl.not_signed(known.iter().copied());
    if let Some(Remark { what, mend, .. }) = &unsigned
        && known.iter().any(|ca| crl.may_be_of(ca))
    {
        return place.fault("crl", format!("{}: {what}", crl.file.display()), *mend);
    }
    if unsigned.is_some() || !known.iter().any(|ca| *ca.name_key() == *crl.issuer_key) {
        let detail = format!(
            "that of {issuer} belongs to none of the client CAs, so that its signature cannot be checked"
        );
        let mend = "name that CA in clients.ca, or take the CRL out; an intermediate's is fine: give \
                    --client-cert with it to have it checked";
        return place.warning("crl", detail, mend);
    }
    if *this_update > at {
        let issued = gate_time(*this_update);
        let detail = format!("that of {issuer} was issued at {issued}, which is yet to come");
        return place.fault("crl", detail, "set the clock of this machine right (timedatectl)");
    }
    let (left, life) = (next_update - at, next_update - this_update);
    let due = gate_time(*next_update);
    let means = match trust.revocation.expired {
        Expired::Refuse => "nobody of its CA is let in",
        Expired::Warn => "whom its CA has revoked since is let in",
    };
    if left <= 0 {
        let detail = format!("that of {issuer} is out of date since {due}: {means}");
        return place.fault("crl", detail, "fetch the current CRL");
    }
    if left < life / LAST_PART && left < SOON {
        let detail = format!("that of {issuer} is due at {due}; after that {means}");
        return place.warning("crl", detail, "see to it that the CRL is fetched anew before then");
    }
    place
        .good("crl", format!("that of {issuer}, signed by it, {entries} revoked, next one due at {due}"))
}
