//! Templates that fail, refuse, loop, grow or nest.

use nc_text::{ChatTemplate, Message, TextError};

/// Renders one short question.
fn render(source: &str) -> Result<String, TextError> {
    let template = ChatTemplate::new(source, Some("<s>"), Some("</s>"))?;
    let rendered = template.render(&[Message::new("user", "Hello")], true)?;
    Ok(rendered.text)
}

fn check(source: &str, expected: fn(&TextError) -> bool) {
    let error = render(source).expect_err(source);
    assert!(expected(&error), "{source}: {error:?}");
    assert!(!error.remedy().is_empty());
}

#[test]
fn mistakes() {
    let syntax = |error: &TextError| matches!(error, TextError::TemplateSyntax { line: 2, .. });
    check("a\n{{ messages", syntax);
    check("a\n{% if %}", syntax);
    check("a\n{% nonsense %}", syntax);
    check("a\n{% generation %}b", |e| {
        matches!(e, TextError::TemplateSyntax { .. })
    });
    check("{% endgeneration %}", |e| {
        matches!(e, TextError::TemplateSyntax { .. })
    });
    let failed = |error: &TextError| matches!(error, TextError::TemplateFailed { .. });
    check("{{ unknown() }}", failed);
    check("{{ messages[0].content.unknown() }}", failed);
    check("{{ missing.attribute }}", failed);
    check("{% include 'other' %}", failed);
    check("{{ missing | tojson }}", failed);
    check("{{ raise_exception('no roles') }}", |error| {
        *error
            == TextError::TemplateRaised {
                message: "no roles".to_owned(),
            }
    });
    check(
        "{% macro m() %}{{ raise_exception('deep') }}{% endmacro %}{{ m() }}",
        |error| {
            *error
                == TextError::TemplateRaised {
                    message: "deep".to_owned(),
                }
        },
    );
    check(&" ".repeat(2 << 20), |e| {
        matches!(e, TextError::TooLarge { .. })
    });
}

#[test]
fn templates_that_do_not_end() {
    let long = |error: &TextError| matches!(error, TextError::TemplateTooLong { .. });
    let rounds = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}";
    check(rounds, long);
    let doubling = "{% set n = namespace(x='ab') %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}{{ n.x | length }}";
    check(doubling, long);
    let lists = "{% set n = namespace(x=[1, 2]) %}{% for i in range(60) %}{% set n.x = n.x + n.x %}{% endfor %}{{ n.x | length }}";
    check(lists, long);
    let literal = vec!["[0] * 100000000"; 40].join(" + ");
    check(&format!("{{{{ ({literal}) | length }}}}"), |e| {
        matches!(e, TextError::TemplateFailed { .. })
    });
    let chained = "{% macro m(x, n) %}{{ m(x + x, n + 1) if n < 45 else x | length }}{% endmacro %}{{ m([1, 2], 0) }}";
    check(chained, |e| {
        matches!(
            e,
            TextError::TemplateTooLong { .. } | TextError::TemplateFailed { .. }
        )
    });
    let many = "{{ 'x' * 100000000 }}".repeat(100);
    check(&many, |e| {
        matches!(
            e,
            TextError::TemplateTooLong { .. } | TextError::TemplateOutputTooLarge { .. }
        )
    });
    check("{{ 'x' * 9999999999 }}", |e| {
        matches!(
            e,
            TextError::TemplateTooLong { .. } | TextError::TemplateFailed { .. }
        )
    });
    check(
        "{% for i in range(99999) %}{{ 'x' * 100000 }}{% endfor %}",
        |e| {
            matches!(
                e,
                TextError::TemplateTooLong { .. } | TextError::TemplateOutputTooLarge { .. }
            )
        },
    );
    let json = "{% set n = namespace(x=['ab' * 10000]) %}{% for i in range(18) %}{% set n.x = n.x + n.x %}{% endfor %}{{ n.x | tojson | length }}";
    check(json, |e| matches!(e, TextError::TemplateTooLong { .. }));
}

#[test]
fn templates_that_nest() {
    let failed = |error: &TextError| {
        matches!(
            error,
            TextError::TemplateFailed { .. }
                | TextError::TemplateTooLong { .. }
                | TextError::TemplateSyntax { .. }
        )
    };
    check("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", failed);
    check(
        &format!("{{{{ {}1{} }}}}", "(".repeat(20_000), ")".repeat(20_000)),
        failed,
    );
    // Deep, but no mistake: the longest template there may be.
    assert_eq!(
        render(&format!("{{{{ {}1 }}}}", "not ".repeat(65_000))).as_deref(),
        Ok("True")
    );
    check(&"{% if true %}".repeat(20_000), failed);
    let nested =
        "{% set n = namespace(x=[]) %}{% for i in range(90000) %}{% set n.x = [n.x] %}{% endfor %}";
    check(&format!("{nested}{{{{ n.x | tojson }}}}"), failed);
}
