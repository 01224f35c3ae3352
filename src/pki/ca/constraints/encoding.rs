//! The extension nameConstraints in DER.

use x509_parser::oid_registry::OID_X509_EXT_NAME_CONSTRAINTS;
use x509_parser::prelude::X509Certificate;

use crate::pki::der::{self, Element, Malformed};

pub(super) const PERMITTED: u8 = der::constructed(0);
const EXCLUDED: u8 = der::constructed(1);

/// The content of a CA's extension nameConstraints.
pub(super) fn extension<'a>(ca: &'a X509Certificate<'_>) -> Option<&'a [u8]> {
    let mut extensions = ca.extensions().iter();
    let found = extensions.find(|extension| extension.oid == OID_X509_EXT_NAME_CONSTRAINTS)?;
    Some(found.value)
}

/// The bases in an extension, after the tag of their list.
pub(super) fn subtrees(extension: &[u8]) -> Result<Vec<(u8, Vec<Element<'_>>)>, Malformed> {
    let mut all = Vec::new();
    for list in der::all(der::only(extension)?.tagged(der::SEQUENCE)?)? {
        if !matches!(list.tag, PERMITTED | EXCLUDED) {
            return Err(Malformed);
        }
        // RFC 5280 requires the default minimum and no maximum, so nothing may follow the base.
        let subtrees = der::all(list.content)?.into_iter();
        let bases = subtrees.map(|subtree| der::only(subtree.tagged(der::SEQUENCE)?));
        all.push((list.tag, bases.collect::<Result<_, _>>()?));
    }
    Ok(all)
}

/// The constraints of the configured CA `ca` for webpki, without those that are compared here: the content of the
/// SEQUENCE. `None` if nothing is left. Constraints that cannot be read stay as they are.
pub(crate) fn for_webpki(ca: &X509Certificate<'_>) -> Option<Vec<u8>> {
    let extension = extension(ca)?;
    let whole = || der::only(extension).map(|all| all.content.to_vec()).ok();
    let Ok(lists) = subtrees(extension) else { return whole() };
    let is_left = |base: &&Element<'_>| {
        let ours = [der::primitive(1), der::constructed(4), der::primitive(6)];
        !ours.contains(&base.tag)
    };
    let mut content = Vec::new();
    for (tag, bases) in lists {
        let left = bases.iter().filter(is_left).map(|base| der::encoded(der::SEQUENCE, base.whole));
        let left: Vec<u8> = left.flatten().collect();
        if !left.is_empty() {
            content.extend(der::encoded(tag, &left));
        }
    }
    (!content.is_empty()).then_some(content)
}
