//! Who may connect, and who may use a route: lists of rules, and what has to fit together in them.

use super::Resolver;
use crate::config::key::Key;
use crate::config::keys;
use crate::config::layers::{Layer, Sourced};
use crate::config::problem::Origin;
use crate::config::settings::RouteSettings;
use crate::config::values;
use crate::policy::{Rule, Rules};
use crate::tls::public_cas;
use crate::tls::trust::Ca;

/// One set of rules as it was written.
struct Lists {
    allow: Vec<Sourced<Rule>>,
    /// Whether there is such a list, be it with mistakes only.
    has_allow: bool,
    deny: Vec<Sourced<Rule>>,
    audit: Option<Sourced<bool>>,
    /// What the keys begin with: `clients` or `route`.
    section: &'static str,
}

impl Resolver<'_> {
    pub(super) fn client_rules(&mut self) -> Rules {
        let lists = Lists {
            allow: self.many(&keys::ALLOW, values::rule),
            has_allow: self.sources.layers.get(&keys::ALLOW).is_some(),
            deny: self.many(&keys::DENY, values::rule),
            audit: self.one(&keys::AUDIT, values::switch),
            section: "clients",
        };
        let pins = self.many(&keys::PINS, values::pin);
        self.rules(lists).pinned(pins.into_iter().map(|pin| pin.value).collect())
    }

    pub(super) fn route_rules(&mut self, table: &Layer) -> Rules {
        let mut list = |key: &Key| self.in_table(table, key, values::rule);
        let (allow, deny) = (list(&keys::ROUTE_ALLOW), list(&keys::ROUTE_DENY));
        let audit = self.in_table(table, &keys::ROUTE_AUDIT, values::switch).pop();
        let has_allow = table.get(&keys::ROUTE_ALLOW).is_some();
        self.rules(Lists { allow, has_allow, deny, audit, section: "route" })
    }

    /// Anybody can have a certificate of a public CA, so that its clients have to be named.
    pub(super) fn check_public_cas(&mut self, cas: &[Ca], rules: &Rules, routes: &[RouteSettings]) {
        let by_routes = !routes.is_empty() && routes.iter().all(|route| route.rules.name_clients());
        // A list with mistakes only has been reported.
        let has_mistakes = self.sources.layers.get(&keys::ALLOW).is_some() && rules.allow().is_empty();
        if rules.name_clients() || by_routes || has_mistakes {
            return;
        }
        let public = public_cas(cas);
        let Some(first) = public.first() else { return };
        let more = match public.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let what = format!(
            "{}{more}: a public CA, of which anybody can have a certificate, and no allow rule names who may come",
            first.subject
        );
        let hint = "name the CA that issues your clients' certificates alone; where that is a public one, name the \
                    clients in clients.allow, e.g. dns=hooks.example.com (issuer= and `any` name nobody)";
        let origin = self.sources.layers.get(&keys::CLIENT_CA).and_then(<[_]>::first);
        let origin = origin.map_or(Origin::Default(keys::CLIENT_CA.toml), |ca| ca.origin.clone());
        self.report.problem(&origin, what, hint);
    }

    fn rules(&mut self, lists: Lists) -> Rules {
        self.check_anybody_is_left(&lists);
        self.warn_of_idle_rules(&lists);
        self.warn_of_audit(&lists);
        let values =
            |rules: Vec<Sourced<Rule>>| rules.into_iter().map(|rule| rule.value).collect::<Vec<_>>();
        let audit = lists.audit.is_some_and(|audit| audit.value);
        Rules::new(values(lists.allow)).denying(values(lists.deny)).audited(audit)
    }

    fn check_anybody_is_left(&mut self, lists: &Lists) {
        let section = lists.section;
        if let Some(all) = lists.deny.iter().find(|rule| rule.value.is_any()) {
            let hint =
                "name those to keep out; to keep out all but a few, name the few in allow instead";
            self.report.problem(&all.origin, "`any` denies everybody", hint);
        }
        if let (Some(deny), false, false) = (lists.deny.first(), lists.has_allow, self.sources.torn) {
            let what = format!(
                "there is no {section}.allow beside it, so nobody would be let in: once there is a rule, \
                 only those whom an allow rule matches are"
            );
            let hint = format!("add allow = [\"any\"] to [{section}] to let in everybody else");
            let flag = if section == "clients" { " (--allow any)" } else { "" };
            self.report.problem(&deny.origin, what, hint + flag);
        }
    }

    fn warn_of_idle_rules(&mut self, lists: &Lists) {
        if let Some(any) = lists.allow.iter().find(|rule| rule.value.is_any())
            && lists.allow.len() > 1
        {
            let what = "`any` lets everybody in, so the other rules of the list are idle";
            self.report.warning(&any.origin, what, "take it out, or the others");
        }
    }

    /// Rules on trial look like rules that hold; this is to be seen.
    fn warn_of_audit(&mut self, lists: &Lists) {
        let Some(Sourced { value: true, origin }) = &lists.audit else { return };
        let section = lists.section;
        if lists.allow.is_empty() && lists.deny.is_empty() {
            let what = format!("has no effect: there is no rule in {section}.allow or {section}.deny");
            return self.report.warning(origin, what, "add the rules to try, or take it out");
        }
        let what = format!(
            "AUDIT ONLY: whom {section}.allow and {section}.deny would refuse is let in, with a `would_refuse` \
             line in the log"
        );
        let hint = "set it to false once that names no sender that should be let in";
        self.report.warning(origin, what, hint);
    }
}
