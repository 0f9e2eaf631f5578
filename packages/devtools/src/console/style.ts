/** The console's whole style: no script, no font and no image from anywhere. */
export const style = `
:root{color-scheme:light dark;--bg:#fafaf9;--card:#fff;--ink:#1c1917;--quiet:#57534e;--line:#e7e5e4;--accent:#0f766e;--bar:#14b8a6;--bad:#b91c1c;--badbar:#ef4444;--code:#f5f5f4}
@media (prefers-color-scheme:dark){:root{--bg:#0c0a09;--card:#1c1917;--ink:#f5f5f4;--quiet:#a8a29e;--line:#292524;--accent:#5eead4;--bar:#0d9488;--bad:#fca5a5;--badbar:#dc2626;--code:#292524}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
header{border-bottom:1px solid var(--line);background:var(--card)}
header div{max-width:64rem;margin:auto;padding:.7rem 1rem;display:flex;gap:1.25rem;align-items:center;flex-wrap:wrap}
header strong a{color:inherit;text-decoration:none;margin-right:.5rem}
header .home{margin-left:auto;font-size:.9rem}
nav{display:flex;gap:.25rem;flex-wrap:wrap}
nav a{padding:.3rem .7rem;border-radius:.5rem;color:var(--quiet);text-decoration:none}
nav a:hover{color:var(--ink)}
nav a[aria-current]{background:var(--code);color:var(--ink);font-weight:500}
main{max-width:64rem;margin:auto;padding:1.5rem 1rem 4rem}
h1{font-size:1.35rem;margin:0 0 .25rem;overflow-wrap:anywhere}
h2{font-size:1rem;margin:1.75rem 0 .6rem}
a{color:var(--accent)}
.quiet{color:var(--quiet)}
.card{background:var(--card);border:1px solid var(--line);border-radius:.75rem;overflow:hidden}
.empty{padding:2rem;text-align:center;color:var(--quiet)}
.scroll{overflow-x:auto}
table{width:100%;border-collapse:collapse;font-variant-numeric:tabular-nums}
th{font-weight:500;color:var(--quiet);font-size:.85rem;text-align:left}
th,td{padding:.55rem .9rem;border-bottom:1px solid var(--line);vertical-align:top}
tr:last-child td{border-bottom:0}
td.n,th.n{text-align:right;white-space:nowrap}
td.t{white-space:nowrap;color:var(--quiet)}
td.w{overflow-wrap:anywhere;min-width:12rem}
code,pre{font:13px/1.55 ui-monospace,monospace}
pre{margin:0;padding:.9rem;white-space:pre-wrap;overflow-wrap:anywhere}
.badge{display:inline-block;padding:.05rem .5rem;border-radius:1rem;background:var(--code);font-size:.8rem}
.bad{color:var(--bad)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.3rem 1.25rem;margin:0;padding:.9rem}
dt{color:var(--quiet)}dd{margin:0;overflow-wrap:anywhere}
svg.bar{display:block;width:100%;min-width:10rem;height:.8rem}
svg.bar rect{fill:var(--bar)}svg.bar rect.bad{fill:var(--badbar)}
@media (max-width:40rem){.wide{display:none}}
`
