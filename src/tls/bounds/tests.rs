use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use super::*;

/// Issues certificates that name one another, whoever has signed them.
struct Maker(KeyPair);

impl Maker {
    fn new() -> Self {
        Self(KeyPair::generate().unwrap())
    }

    fn params(subject: &str) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, subject);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
    }

    /// A certificate of `subject`, issued by `issuer`; no two are the same.
    fn make(&self, subject: &str, issuer: &str) -> CertificateDer<'static> {
        self.make_of(Self::params(subject), issuer)
    }

    fn make_of(&self, params: CertificateParams, issuer: &str) -> CertificateDer<'static> {
        let issuer = Self::params(issuer);
        let key = KeyPair::generate().unwrap();
        params.signed_by(&key, &Issuer::from_params(&issuer, &self.0)).unwrap().der().clone()
    }
}

/// The places that are chosen, and how many are left out.
fn chosen(leaf: &CertificateDer<'_>, sent: &[CertificateDer<'_>]) -> (Vec<usize>, usize) {
    let selection = Selection::of(leaf, sent);
    let places = (0..sent.len()).filter(|place| selection.has(*place)).collect::<Vec<_>>();
    let among: Vec<_> = selection.among(sent).iter().map(|der| der.to_vec()).collect();
    assert_eq!(among, places.iter().map(|place| sent[*place].to_vec()).collect::<Vec<_>>());
    (places, selection.left_out)
}

#[test]
fn of_a_whole_bundle_the_way_up_is_chosen() {
    let maker = Maker::new();
    let leaf = maker.make("leaf", "A");
    let mut sent: Vec<_> =
        (0..10).map(|number| maker.make(&format!("other {number}"), "root")).collect();
    sent.push(maker.make("B", "root"));
    sent.push(maker.make("A", "B"));
    sent.push(maker.make("root", "root"));

    assert_eq!(chosen(&leaf, &sent), (vec![10, 11, 12], 0));
}

#[test]
fn of_one_subject_two_are_chosen() {
    let maker = Maker::new();
    let leaf = maker.make("leaf", "A");
    let sent: Vec<_> = (0..9).map(|_| maker.make("A", "A")).collect();

    assert_eq!(chosen(&leaf, &sent), (vec![0, 1], 7));
}

#[test]
fn a_certificate_that_was_sent_twice_counts_once() {
    let maker = Maker::new();
    let leaf = maker.make("leaf", "A");
    let [one, two] = ["B", "C"].map(|issuer| maker.make("A", issuer));

    assert_eq!(chosen(&leaf, &[one.clone(), one.clone(), one, two]), (vec![0, 3], 0));
}

#[test]
fn six_are_chosen_and_those_nearest_to_the_leaf() {
    let maker = Maker::new();
    let leaf = maker.make("leaf", "0");
    let made = |number: usize| maker.make(&number.to_string(), &(number + 1).to_string());
    let sent: Vec<_> = (0..8).rev().map(made).collect();

    assert_eq!(chosen(&leaf, &sent), (vec![2, 3, 4, 5, 6, 7], 1));
}

#[test]
fn a_cross_signed_ca_is_followed_both_ways() {
    let maker = Maker::new();
    let leaf = maker.make("leaf", "A");
    let sent = [
        maker.make("A", "old"),
        maker.make("A", "new"),
        maker.make("new", "old"),
        maker.make("new", "new"),
        maker.make("old", "old"),
    ];

    assert_eq!(chosen(&leaf, &sent), (vec![0, 1, 2, 3, 4], 0));
}

#[test]
fn a_certificate_of_more_than_16_kib_is_left_out() {
    let maker = Maker::new();
    let mut large = Maker::params("A");
    large.distinguished_name.push(DnType::OrganizationName, "x".repeat(MAX_CERTIFICATE));
    let leaf = maker.make_of(Maker::params("leaf"), "A");
    // Its subject is as long as its size, so it is nobody's issuer here but its own.
    let large = maker.make_of(large, "root");

    assert_eq!(Selection::of(&leaf, std::slice::from_ref(&large)).among(&[large]).len(), 0);
}

#[test]
fn what_is_chosen_is_chosen_again() {
    let maker = Maker::new();
    let leaf = maker.make("leaf", "A");
    let sent: Vec<_> = ["A", "B", "A", "B", "C", "A", "C", "B", "C"]
        .windows(2)
        .map(|names| maker.make(names[0], names[1]))
        .collect();

    let once = Selection::of(&leaf, &sent).among(&sent).into_owned();
    let again = Selection::of(&leaf, &once).among(&once).into_owned();

    assert_eq!(once, again);
    assert!(once.len() <= MAX_INTERMEDIATES);
}

#[test]
fn what_is_no_certificate_is_told() {
    let maker = Maker::new();
    let leaf = maker.make("leaf", "A");
    let sent = [maker.make("A", "B"), CertificateDer::from(vec![0x30, 0]), maker.make("B", "C")];

    assert_eq!(Selection::of(&leaf, &sent).unreadable, Some(1));
    assert_eq!(chosen(&leaf, &sent), (vec![0, 2], 0));
}

#[test]
fn a_leaf_may_have_so_many_names_and_no_more() {
    let with = |count: usize| {
        let names: Vec<_> = (0..count).map(|number| format!("n{number}.example")).collect();
        let key = KeyPair::generate().unwrap();
        CertificateParams::new(names).unwrap().self_signed(&key).unwrap().der().clone()
    };

    assert_eq!(TooLarge::before_verification(&with(MAX_NAMES)), None);
    assert_eq!(
        TooLarge::before_verification(&with(MAX_NAMES + 1)),
        Some(TooLarge::Names(MAX_NAMES + 1))
    );
    assert!(matches!(TooLarge::before_verification(&with(2000)), Some(TooLarge::Bytes(_))));
}
