//! The size of the page, however much there is to show. `examples/console_cost.rs` measures its time.

use clawgate::console::page;

use super::console_data;

#[test]
fn the_page_stays_below_100_kib_with_many_refusals_clients_and_events() {
    let hostile = "<".repeat(512);
    for name in ["CN=a rather long name of a client, O=Example, OU=Department", &hostile] {
        let page = page(&console_data::large(name));

        assert!(page.len() < 100 * 1024, "{} bytes", page.len());
        assert!(page.contains(" more: search for them."));
        assert!(!page.contains("<<"));
    }
    for shown in [clawgate::console::STYLE_SHEET, clawgate::console::SCRIPT] {
        assert!(shown.len() < 16 * 1024);
    }
}
