"""The report's style sheet: one colour per concept, light or dark by the reader's setting, for screens of any width."""

__all__ = ["STYLE"]

# each text has a contrast of at least 4.5 to its background, each line and bar of at least 3
STYLE = """
:root {
  color-scheme: light dark;
  --page: #f4f5f7; --panel: #ffffff; --edge: #dfe3e8; --grid: #e6e9ed; --text: #18202b; --muted: #556070;
  --model: #1f5fa8; --truth: #7a5bc7; --legitimate: #4f8bc0; --fraud: #c8452d; --review: #a86a00; --block: #a3154c;
  --faint: #76808c; --warn: #fdf3e0;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --page: #0e1217; --panel: #161b22; --edge: #2a323d; --grid: #262e38; --text: #e6eaf0; --muted: #a3adbb;
    --model: #6fb0ec; --truth: #b39cf2; --legitimate: #5f9fd6; --fraud: #f0806a; --review: #e8ae3a; --block: #f5709a;
    --faint: #8794a3; --warn: #33280f;
  }
}
* { box-sizing: border-box; }
body {
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", Arial, sans-serif;
  color: var(--text); background: var(--page); margin: 0; -webkit-text-size-adjust: 100%;
}
main { max-width: 1080px; margin: 0 auto; padding: 28px 20px 64px; }
h1 { font-size: 28px; line-height: 1.25; margin: 0 0 4px; }
h2 { font-size: 20px; line-height: 1.3; margin: 0 0 6px; }
h3 { font-size: 16px; line-height: 1.35; margin: 0; }
p { max-width: 80ch; overflow-wrap: anywhere; }
code { font-size: 0.92em; overflow-wrap: anywhere; }
.sub { color: var(--muted); margin: 0 0 20px; }
.note { background: var(--warn); border-radius: 8px; padding: 10px 14px; margin: 14px 0 0; }
section { background: var(--panel); border: 1px solid var(--edge); border-radius: 10px; padding: 20px 24px; }
section { margin: 18px 0; }
section > p { margin: 4px 0 12px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 236px), 1fr)); gap: 12px; }
.tiles { margin: 18px 0; }
.tile { background: var(--panel); border: 1px solid var(--edge); border-radius: 10px; padding: 14px 18px; }
.tile b { display: block; font-size: 26px; font-weight: 650; line-height: 1.25; overflow-wrap: anywhere; }
.tile h2 { font-size: 16px; margin: 0 0 6px; }
.tile p { color: var(--muted); font-size: 14px; line-height: 1.45; margin: 0; }
details { margin: 18px 0 0; } details p { margin: 8px 0; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 300px), 1fr)); gap: 22px 28px; }
.plots.large { grid-template-columns: repeat(auto-fill, minmax(min(100%, 420px), 1fr)); }
.plot { margin: 0; min-width: 0; max-width: 560px; }
.plot p { color: var(--muted); font-size: 13px; line-height: 1.4; margin: 0; }
.plot .of-x { text-align: center; margin: 2px 0 6px; }
.plot ul { font-size: 13px; line-height: 1.4; display: flex; flex-wrap: wrap; gap: 2px 16px; }
.plot ul { list-style: none; margin: 0; padding: 0; }
.plot li { display: flex; gap: 7px; align-items: baseline; }
svg { display: block; width: 100%; height: auto; }
svg text { font-size: 12.5px; fill: var(--muted); }
.middle { text-anchor: middle; } .end { text-anchor: end; }
.grid { stroke: var(--grid); } .base { stroke: var(--faint); }
.line { fill: none; stroke: var(--tone); stroke-width: 2.2; stroke-linejoin: round; }
.thin { stroke-width: 1.4; opacity: 0.7; } .dashed { stroke-dasharray: 6 4; } .dotted { stroke-dasharray: 2 4; }
.point { fill: var(--tone); stroke: var(--tone); stroke-width: 1.6; } .hollow { fill: none; }
.bar { fill: var(--tone); fill-opacity: 0.6; stroke: var(--tone); stroke-width: 0.6; }
i { flex: none; width: 18px; height: 0; align-self: center; border-top: 3px solid var(--tone); }
i.dashed { border-top-style: dashed; } i.dotted { border-top-style: dotted; }
i.point { width: 9px; height: 9px; border: 2px solid var(--tone); border-radius: 50%; background: var(--tone); }
i.hollow { background: none; } i.bar { height: 11px; background: var(--tone); border: 0; opacity: 0.75; }
.model { --tone: var(--model); } .truth { --tone: var(--truth); } .legitimate { --tone: var(--legitimate); }
.fraud { --tone: var(--fraud); } .review { --tone: var(--review); } .block { --tone: var(--block); }
.faint { --tone: var(--faint); } .ink { --tone: var(--text); }
.wide { overflow-x: auto; margin: 16px 0 0; }
.wide:focus-visible, summary:focus-visible { outline: 2px solid var(--model); outline-offset: 2px; }
table { border-collapse: collapse; min-width: 50%; font-size: 15px; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: 0 0 4px; }
th, td { text-align: right; padding: 5px 10px; border-bottom: 1px solid var(--edge); vertical-align: top; }
th:first-child, td:first-child { text-align: left; padding-left: 0; } tbody th { font-weight: 400; }
td { white-space: nowrap; } thead th { color: var(--muted); font-weight: 600; font-size: 14px; vertical-align: bottom; }
dl { display: grid; grid-template-columns: minmax(130px, 190px) 1fr; gap: 8px 16px; margin: 12px 0 0; }
dt { color: var(--muted); } dd { margin: 0; min-width: 0; } ul { margin: 0; padding-left: 18px; }
summary { cursor: pointer; font-weight: 600; padding: 4px 0; }
@media (max-width: 600px) {
  main { padding: 18px 12px 40px; } section { padding: 16px 14px; } h1 { font-size: 24px; }
  .tiles { gap: 8px; } th, td { padding: 5px 8px; } table { font-size: 14px; }
  dl { grid-template-columns: 1fr; gap: 0; } dd { margin: 0 0 10px; }
}
@media print { section, .tile { break-inside: avoid; } }
"""
