use super::*;

/// Each value, and what becomes of it.
fn table(field: &Field, rows: &[(&str, Result<&str, ValueFault>)]) {
    for (value, wanted) in rows {
        let wanted = wanted.map(|wanted| Some(wanted.to_owned()));
        assert_eq!(value_of(field.clone(), value), wanted, "{value}");
    }
}

use ValueFault::*;

#[test]
fn text_is_made_of_single_values() {
    table(
        &converted("/v", As::String),
        &[
            (r#""a\u0062""#, Ok(r#""a\u0062""#)),
            ("18446744073709551616", Ok("\"18446744073709551616\"")),
            ("1e400", Ok("\"1e400\"")),
            ("true", Ok("\"true\"")),
            ("{}", Err(NotSingle)),
            ("[]", Err(NotSingle)),
        ],
    );
}

#[test]
fn numbers_are_made_of_numbers_as_text() {
    table(
        &converted("/v", As::Number),
        &[
            ("-1.50e+3", Ok("-1.50e+3")),
            ("\" 12.50 \"", Ok("12.50")),
            ("\"9007199254740993\"", Ok("9007199254740993")),
            (r#""\u0031""#, Ok("1")),
            ("\"012\"", Err(NotNumber)),
            ("\"1 2\"", Err(NotNumber)),
            ("\"+1\"", Err(NotNumber)),
            ("\"0x10\"", Err(NotNumber)),
            ("\"NaN\"", Err(NotNumber)),
            ("\"\"", Err(NotNumber)),
            ("\"true\"", Err(NotNumber)),
            ("true", Err(NotNumber)),
            ("[1]", Err(NotSingle)),
        ],
    );
}

#[test]
fn integers_have_no_fraction_and_at_most_64_bits() {
    table(
        &converted("/v", As::Integer),
        &[
            ("9223372036854775807", Ok("9223372036854775807")),
            ("18446744073709551615", Ok("18446744073709551615")),
            ("-9223372036854775808", Ok("-9223372036854775808")),
            ("\"9007199254740993\"", Ok("9007199254740993")),
            ("-0", Ok("-0")),
            ("1.0", Ok("1")),
            ("-1.50e2", Ok("-150")),
            ("1e3", Ok("1000")),
            ("0.001E3", Ok("1")),
            ("0.0e99999999999999999999", Ok("0")),
            ("1800e-2", Ok("18")),
            ("1844674407370955161.5e1", Ok("18446744073709551615")),
            ("18446744073709551616", Err(TooLarge)),
            ("-9223372036854775809", Err(TooLarge)),
            ("1e20", Err(TooLarge)),
            ("1e400", Err(TooLarge)),
            ("1e99999999999999999999", Err(TooLarge)),
            ("1e-99999999999999999999", Err(NotInteger)),
            ("1.5", Err(NotInteger)),
            ("15e-1", Err(NotInteger)),
            ("\"1,000\"", Err(NotInteger)),
            ("true", Err(NotInteger)),
            ("{}", Err(NotSingle)),
        ],
    );
}

#[test]
fn booleans_are_made_of_words_and_of_1_and_0() {
    table(
        &converted("/v", As::Boolean),
        &[
            ("true", Ok("true")),
            ("\"False\"", Ok("false")),
            ("\" TRUE \"", Ok("true")),
            ("1", Ok("true")),
            ("\"0\"", Ok("false")),
            ("2", Err(NotBoolean)),
            ("\"yes\"", Err(NotBoolean)),
            ("\"\"", Err(NotBoolean)),
            ("[true]", Err(NotSingle)),
        ],
    );
}

#[test]
fn times_become_text_of_rfc_3339() {
    table(
        &converted("/v", As::Rfc3339),
        &[
            ("1770000000", Ok("\"2026-02-02T02:40:00Z\"")),
            ("1770000000123", Ok("\"2026-02-02T02:40:00.123Z\"")),
            ("1770000000.25", Ok("\"2026-02-02T02:40:00.25Z\"")),
            ("1770000000.1234567891", Ok("\"2026-02-02T02:40:00.123456789Z\"")),
            ("\"1770000000\"", Ok("\"2026-02-02T02:40:00Z\"")),
            ("0", Ok("\"1970-01-01T00:00:00Z\"")),
            ("-1.5", Ok("\"1969-12-31T23:59:58.5Z\"")),
            ("\"2026-02-02T03:40:00+01:00\"", Ok("\"2026-02-02T03:40:00+01:00\"")),
            ("\"2026-02-02t02:40:00z\"", Ok("\"2026-02-02T02:40:00Z\"")),
            ("\" 2026-02-02T02:40:00Z\"", Ok("\"2026-02-02T02:40:00Z\"")),
            ("\"2026-02-02\"", Err(NotTime)),
            ("\"2026-02-30T00:00:00Z\"", Err(NotTime)),
            ("\"2026-02-02T02:40:00\"", Err(NotTime)),
            ("\"yesterday\"", Err(NotTime)),
            ("\"\"", Err(NotTime)),
            ("1.77e9", Err(NotTime)),
            ("true", Err(NotTime)),
            ("1770000000123456", Err(TimeOutOfRange)),
            ("99999999999999999999999999999999999999999999", Err(TimeOutOfRange)),
            ("-99999999999", Err(TimeOutOfRange)),
            ("{}", Err(NotSingle)),
        ],
    );
}

#[test]
fn times_become_seconds_and_milliseconds() {
    table(
        &converted("/v", As::Unix),
        &[
            ("\"2026-02-02T03:40:00.999+01:00\"", Ok("1770000000")),
            ("1770000000999", Ok("1770000000")),
            ("\"1770000000\"", Ok("1770000000")),
            ("-0.5", Ok("-1")),
            ("99999999999", Ok("99999999999")),
            ("100000000000", Ok("100000000")),
        ],
    );
    table(
        &converted("/v", As::UnixMs),
        &[
            ("\"2026-02-02T02:40:00.1239Z\"", Ok("1770000000123")),
            ("1770000000", Ok("1770000000000")),
            ("1770000000123.9", Ok("1770000000123")),
            ("\"1969-12-31T23:59:59.9999Z\"", Ok("-1")),
        ],
    );
}

#[test]
fn lower_makes_small_letters_of_text() {
    table(
        &Field { lower: true, ..field("/v") },
        &[
            ("\"ÄB c\"", Ok("\"äb c\"")),
            (r#""\u0041\"""#, Ok(r#""a\"""#)),
            (r#""\u0061""#, Ok(r#""\u0061""#)),
            ("1", Err(NotText)),
            ("true", Err(NotText)),
            ("[\"A\"]", Err(NotSingle)),
            (r#""\ud800""#, Err(NotUnicode)),
        ],
    );
}

#[test]
fn truncate_keeps_whole_characters() {
    table(
        &Field { truncate: Some(2), ..field("/v") },
        &[
            ("\"abc\"", Ok("\"ab\"")),
            ("\"ab\"", Ok("\"ab\"")),
            ("\"\"", Ok("\"\"")),
            ("\"é😀x\"", Ok("\"é😀\"")),
            (r#""\ud83d\ude00\n!""#, Ok(r#""😀\n""#)),
            (r#""\u0061\u0062""#, Ok(r#""\u0061\u0062""#)),
            ("12", Err(NotText)),
            ("{}", Err(NotSingle)),
        ],
    );
    let number = Field { truncate: Some(2), ..converted("/v", As::String) };
    assert_eq!(value_of(number, "1234"), Ok(Some("\"12\"".into())));
}

#[test]
fn hash_makes_pseudonyms_of_text_and_numbers() {
    table(
        &Field { hash: true, ..field("/v") },
        &[
            ("\"A\\u0042\"", Ok("\"p:AB\"")),
            ("9007199254740993", Ok("\"p:9007199254740993\"")),
            ("\" \"", Ok("\" \"")),
            ("true", Err(NotHashable)),
            ("[\"a\"]", Err(NotSingle)),
            (r#""\ud800""#, Err(NotUnicode)),
        ],
    );
}

#[test]
fn join_puts_the_items_of_an_array_into_one_text() {
    table(
        &Field { join: Some(", ".into()), ..field("/v") },
        &[
            ("[\"a\",1,true,null,\"\\u0062\"]", Ok("\"a, 1, true, b\"")),
            ("\"alone\"", Ok("\"alone\"")),
            ("[[1]]", Err(NotSingle)),
            ("[{}]", Err(NotSingle)),
            ("{}", Err(NotSingle)),
        ],
    );
    assert_eq!(value_of(Field { join: Some(", ".into()), ..field("/v") }, "[]"), Ok(None));
}

#[test]
fn join_puts_several_values_into_one_text() {
    let name = Field {
        from: vec!["/first".into(), "/middle".into(), "/last".into()],
        join: Some(" ".into()),
        lower: true,
        truncate: Some(9),
        ..Field::default()
    };
    let fields = [("name", name)];
    assert_eq!(
        apply(&fields, r#"{"last":"Lovelace","first":"Ada"}"#).unwrap(),
        r#"{"name":"ada lovel"}"#
    );
    assert_eq!(apply(&fields, r#"{"middle":"King"}"#).unwrap(), r#"{"name":"king"}"#);
    let error = apply(&fields, r#"{"middle":{}}"#).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`name`, from `/first` and `/middle` and `/last`: there is an object or an array"
    );
}
