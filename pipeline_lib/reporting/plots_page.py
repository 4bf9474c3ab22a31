"""The page that ``dvc plots`` fills, with the drawing library in it: DVC's own loads that from the network.

DVC puts its plots in the place of ``{plot_divs}``, each a call of ``vegaEmbed``. A content security policy forbids the
page to load or send anything; plots that cannot be drawn say why in their place.
"""

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'unsafe-inline' 'unsafe-eval'",  # Vega compiles its expressions
        "style-src 'unsafe-inline'",
        "img-src file: data: blob:",
    )
)
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
{{refresh_tag}}
<title>Plots of experiments</title>
<style>body {{ font-family: sans-serif; margin: 2em }} .vega-embed {{ margin-bottom: 3em }}</style>
<script>{library}</script>
<script>
const embed = window.vegaEmbed;
const actions = {{ export: true, source: false, compiled: false, editor: false }};
const options = {{ mode: 'vega-lite', actions }};
window.vegaEmbed = (place, {{ $schema, ...spec }}) => embed(place, spec, options).catch(error => {{
  document.querySelector(place).textContent = `${{spec.title?.text ?? place}}: ${{error}}`;
  throw error;
}});
</script>
</head>
<body>
{{plot_divs}}
</body>
</html>
"""


def plots_page() -> str:
    """The page, with the places that DVC fills; about a megabyte.

    DVC's plots name version 5 of Vega-Lite, and newer ones draw them; that the version is another would be a warning.
    """
    import vl_convert

    return PAGE.format(policy=POLICY, library=as_inline_script(vl_convert.javascript_bundle()))


def as_inline_script(code: str) -> str:
    """JavaScript that may stand within ``<script>``: nothing in its texts ends the element or opens a comment."""
    return code.replace("</script", "<\\/script").replace("<!--", "\\x3c!--")
