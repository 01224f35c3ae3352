//! Which clients may connect, and which may use a route: lists of rules, and what has to fit together in them.

use super::resolver::Resolver;
use crate::config::keys;
use crate::config::layers::{Layer, List, Sourced};
use crate::config::problem::{Found, Origin};
use crate::config::settings::RouteSettings;
use crate::pki::Ca;
use crate::pki::public_cas;
use crate::policy::{Rule, Rules};

/// One set of rules as it was written.
struct Lists {
    allow: Option<List<Rule>>,
    deny: Option<List<Rule>>,
    audit: Found<Option<Sourced<bool>>>,
    /// What the keys begin with: `clients` or `route`.
    section: &'static str,
}

/// Which clients may connect.
pub(super) fn of_clients(r: &mut Resolver<'_>) -> Found<Rules> {
    let layers = &r.sources.layers;
    let (has_allow, has_deny) = (layers.sets(&keys::ALLOW), layers.sets(&keys::DENY));
    let lists = Lists {
        allow: Some(r.list(&keys::ALLOW)).filter(|_| has_allow),
        deny: Some(r.list(&keys::DENY)).filter(|_| has_deny),
        audit: r.optional(&keys::AUDIT),
        section: "clients",
    };
    let pins = r.list(&keys::PINS).all_values();
    Ok(rules(r, lists)?.pinned(pins?))
}

/// Which clients may use the route of `table`.
pub(super) fn of_route(r: &mut Resolver<'_>, table: &Layer) -> Found<Rules> {
    let allow = r.list_in(table, &keys::ROUTE_ALLOW);
    let deny = r.list_in(table, &keys::ROUTE_DENY);
    let audit = r.optional_in(table, &keys::ROUTE_AUDIT);
    rules(r, Lists { allow, deny, audit, section: "route" })
}

/// Anybody can have a certificate of a public CA, so its clients have to be named.
pub(super) fn check_public_cas(
    r: &mut Resolver<'_>,
    cas: &[Ca],
    rules: &Rules,
    routes: &[RouteSettings],
) {
    let by_routes = RouteSettings::all_name_clients(routes);
    let public = public_cas(cas);
    let Some(first) = public.first().filter(|_| !rules.name_clients() && !by_routes) else { return };
    let more = match public.len() - 1 {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let what = format!(
        "{}{more}: this is a public CA, which issues certificates to anybody, and no allow rule names the clients that \
         may connect",
        first.subject
    );
    let hint = "use a CA that issues your clients' certificates only; if it has to be a public one, name the clients in \
                clients.allow, e.g. dns=hooks.example.com (issuer= and `any` name nobody)";
    let origin = r.origin(&keys::CLIENT_CA).unwrap_or(Origin::Default(keys::CLIENT_CA.toml));
    r.report.problem(&origin, what, hint);
}

fn rules(r: &mut Resolver<'_>, lists: Lists) -> Found<Rules> {
    check_some_may_connect(r, &lists);
    warn_of_unused_rules(r, &lists);
    warn_of_audit(r, &lists);
    let values = |list: Option<List<Rule>>| list.map_or(Ok(Vec::new()), List::all_values);
    let (allow, deny, audit) = (values(lists.allow)?, values(lists.deny)?, lists.audit?);
    let audit = audit.is_some_and(|audit| audit.value);
    Ok(Rules::new(allow).denying(deny).audited(audit))
}

fn any(list: Option<&List<Rule>>) -> Option<&Sourced<Rule>> {
    list?.values.iter().find(|rule| rule.value.is_any())
}

fn check_some_may_connect(r: &mut Resolver<'_>, lists: &Lists) {
    let section = lists.section;
    if let Some(any) = any(lists.deny.as_ref()) {
        let hint = "name the clients to refuse; to refuse all but a few, name those in allow instead";
        r.report.problem(&any.origin, "`any` denies all clients", hint);
    }
    let deny = lists.deny.as_ref().and_then(List::origin);
    if let (Some(origin), None, None) = (deny, &lists.allow, r.sources.torn) {
        let what = format!(
            "there is no {section}.allow beside it, so no client would be admitted: once there are rules, a client \
             needs a matching allow rule"
        );
        let flag = if section == "clients" { " (--allow any)" } else { "" };
        let hint = format!("add allow = [\"any\"] to [{section}] to admit all other clients{flag}");
        r.report.problem(origin, what, hint);
    }
}

fn warn_of_unused_rules(r: &mut Resolver<'_>, lists: &Lists) {
    let count = lists.allow.as_ref().map_or(0, |allow| allow.values.len());
    if let Some(any) = any(lists.allow.as_ref()).filter(|_| count > 1) {
        let what = "`any` admits all clients, so the other rules of the list have no effect";
        r.report.warning(&any.origin, what, "remove it, or the others");
    }
}

/// In the settings, rules in audit mode look like rules that hold, so this is a warning each time.
fn warn_of_audit(r: &mut Resolver<'_>, lists: &Lists) {
    let Ok(Some(Sourced { value: true, origin })) = &lists.audit else { return };
    let section = lists.section;
    if lists.allow.is_none() && lists.deny.is_none() {
        let what = format!("has no effect: there is no rule in {section}.allow or {section}.deny");
        return r.report.warning(origin, what, "add rules, or remove it");
    }
    let what = format!(
        "AUDIT ONLY: clients that {section}.allow and {section}.deny would refuse are admitted, and logged as \
         `would_refuse`"
    );
    let hint = "set it to false when that names no client any more that should be admitted";
    r.report.warning(origin, what, hint);
}
