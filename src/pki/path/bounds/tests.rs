use rcgen::{BasicConstraints, CertificateParams, CustomExtension, DnType, IsCa, Issuer, KeyPair};

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

    /// One of exactly so many bytes.
    fn make_sized(&self, subject: &str, issuer: &str, bytes: usize) -> CertificateDer<'static> {
        let mut padding = bytes;
        // A signature's length varies by a byte or two.
        for _ in 0..1000 {
            let mut params = Self::params(subject);
            let padded = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 1], vec![0; padding]);
            params.custom_extensions.push(padded);
            let der = self.make_of(params, issuer);
            if der.len() == bytes {
                return der;
            }
            padding = padding.saturating_add(bytes).saturating_sub(der.len());
        }
        panic!("no certificate of {bytes} bytes");
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
fn of_a_whole_bundle_only_the_path_is_chosen() {
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
fn two_of_one_subject_are_chosen() {
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
fn the_six_nearest_to_the_leaf_are_chosen() {
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
fn a_selection_of_a_selection_is_the_same() {
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
fn an_item_that_is_not_a_certificate_is_reported() {
    let maker = Maker::new();
    let leaf = maker.make("leaf", "A");
    let sent = [maker.make("A", "B"), CertificateDer::from(vec![0x30, 0]), maker.make("B", "C")];

    assert_eq!(Selection::of(&leaf, &sent).unreadable, Some(1));
    assert_eq!(chosen(&leaf, &sent), (vec![0, 2], 0));
}

#[test]
fn a_leaf_with_more_than_the_maximum_of_names_is_too_large() {
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

#[test]
fn a_certificate_of_just_16_kib_is_looked_at() {
    let maker = Maker::new();
    let leaf = |bytes| maker.make_sized("leaf", "A", bytes);

    assert_eq!(TooLarge::before_verification(&leaf(MAX_CERTIFICATE)), None);
    let (over, too_large) = (MAX_CERTIFICATE + 1, TooLarge::Bytes(MAX_CERTIFICATE + 1));
    assert_eq!(TooLarge::before_verification(&leaf(over)), Some(too_large));
}

#[test]
fn no_more_than_32_kib_are_chosen_and_a_smaller_one_takes_the_place() {
    let maker = Maker::new();
    let leaf = maker.make("leaf", "A");
    let rest = MAX_BYTES - 2 * 15_000;
    let with = |bytes| {
        vec![
            maker.make_sized("A", "B", 15_000),
            maker.make_sized("B", "C", 15_000),
            maker.make_sized("C", "D", bytes),
            maker.make("C", "E"),
        ]
    };

    assert_eq!(chosen(&leaf, &with(rest)), (vec![0, 1, 2], 1));
    assert_eq!(chosen(&leaf, &with(rest + 1)), (vec![0, 1, 3], 1));
}

#[test]
fn the_leaf_and_the_chosen_intermediates_of_a_chain_are_kept() {
    let maker = Maker::new();
    let sent = [("leaf", "A"), ("X", "Y"), ("A", "B"), ("leaf", "leaf"), ("B", "C")]
        .map(|(s, i)| maker.make(s, i));
    let mut kept = sent.to_vec();

    keep_selected(&mut kept);

    assert_eq!(kept, [0, 2, 4].map(|place| sent[place].clone()));
    let mut nothing = Vec::new();
    keep_selected(&mut nothing);
    assert!(nothing.is_empty());
}
