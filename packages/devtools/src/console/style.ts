/** The console's style sheet. It loads no script, font or image. */
export const style = `
:root{color-scheme:light dark;--bg:#f8f7f5;--card:#fff;--well:#f1efec;--ink:#1c1a18;--quiet:#55504a;--line:#e4e0da;--brand:#b83d0b;--link:#9c3306;--bar:#2871a7;--bad:#b3261e;--badwell:#fdecea;--focus:#1d559e;--control:#8d867d}
@media (prefers-color-scheme:dark){:root{--bg:#0f0e0d;--card:#181716;--well:#121110;--ink:#f4f2ef;--quiet:#bdb7af;--line:#2c2926;--brand:#ff8a4c;--link:#ffa873;--bar:#0eb9f9;--bad:#ff9a90;--badwell:#341a17;--focus:#8fbcff;--control:#7b746c}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:14px/20px system-ui,sans-serif}
header{border-bottom:1px solid var(--line);background:var(--card)}
header div{max-width:76rem;margin:auto;padding:.6rem 1rem;display:flex;gap:1rem;align-items:center;flex-wrap:wrap}
header strong a{color:inherit;text-decoration:none;margin-right:.25rem}
header .home{margin-left:auto;font-size:13px}
nav{display:flex;gap:.25rem;flex-wrap:wrap}
nav a{padding:.25rem .65rem;border-radius:6px;color:var(--quiet);text-decoration:none}
nav a:hover{color:var(--ink)}
nav a[aria-current]{background:var(--well);color:var(--ink);font-weight:600;box-shadow:inset 0 -2px var(--brand)}
nav.kinds{margin:0 0 .75rem;font-size:13px}
main{max-width:76rem;margin:auto;padding:1.25rem 1rem 4rem}
h1{font-size:18px;line-height:24px;font-weight:600;margin:0 0 .5rem;overflow-wrap:anywhere}
h2{font-size:14px;font-weight:600;margin:1.5rem 0 .5rem;overflow-wrap:anywhere}
p{margin:.25rem 0 1rem}
a{color:var(--link)}
a:focus-visible,.scroll:focus-visible{outline:2px solid var(--focus);outline-offset:2px;border-radius:4px}
.quiet{color:var(--quiet)}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;overflow:hidden}
.empty{padding:2rem;text-align:center;color:var(--quiet)}
.scroll{overflow-x:auto}
thead td{background:var(--well)}
table{width:100%;border-collapse:collapse;font-size:13px;line-height:18px;font-variant-numeric:tabular-nums}
th{font-weight:500;color:var(--quiet);font-size:12px;text-align:left;background:var(--well)}
th,td{padding:.45rem .75rem;border-bottom:1px solid var(--line);vertical-align:top}
tr:last-child td{border-bottom:0}
tr.dense td{padding-top:.25rem;padding-bottom:.25rem}
td.n,th.n{text-align:right;white-space:nowrap}
td.t{white-space:nowrap;color:var(--quiet)}
td.w{overflow-wrap:anywhere;min-width:14rem}
td.who{max-width:10rem;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
td.wide{width:34%}
td code{font-size:12px;color:var(--quiet)}
code,pre{font:12px/18px ui-monospace,monospace}
pre{margin:0;padding:.75rem;white-space:pre-wrap;overflow-wrap:anywhere}
pre.line{border-top:1px solid var(--line)}
.badge{display:inline-block;padding:0 .45rem;border-radius:1rem;background:var(--well);border:1px solid var(--line);font-size:12px;line-height:18px;white-space:nowrap}
.badge.kind{border-radius:4px}.badge.kind:not(.bad){color:var(--quiet)}
.badge.from{border-style:dashed}
.badge.bad{color:var(--bad);background:var(--badwell);border-color:transparent;font-weight:600}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1.25rem;margin:0;padding:.75rem}
dt{color:var(--quiet)}dd{margin:0;overflow-wrap:anywhere}
.d1,.d2,.d3,.d4,.d5,.d6,.d7,.d8{border-left:1px solid var(--line);padding-left:.6rem}
.d1{margin-left:.5rem}.d2{margin-left:1.5rem}.d3{margin-left:2.5rem}.d4{margin-left:3.5rem}
.d5{margin-left:4.5rem}.d6{margin-left:5.5rem}.d7{margin-left:6.5rem}.d8{margin-left:7.5rem}
.facts{display:grid;margin:.75rem 0;grid-template-columns:repeat(auto-fit,minmax(11rem,1fr));gap:0;padding:0;background:var(--card);border:1px solid var(--line);border-radius:10px;overflow:hidden}
.facts div{padding:.6rem .9rem;margin:0 -1px -1px 0;border:solid var(--line);border-width:0 1px 1px 0}
.facts dt{margin:0;font-size:12px}
.facts strong{display:block;font-size:18px;line-height:24px;font-weight:600;font-variant-numeric:tabular-nums}
.facts .quiet{font-size:12px;line-height:16px;display:block}
.note{padding:.6rem .9rem}
form.search{display:flex;gap:.5rem;align-items:center;flex-wrap:wrap;margin:1rem 0 .75rem}
form.search input{flex:1 1 12rem;max-width:24rem;min-width:0}
input,select,button,.button{font:inherit;color:inherit;background:var(--card);border:1px solid var(--control);border-radius:6px;padding:.25rem .65rem;min-height:2rem}
button,.button,summary{cursor:pointer}
.button{display:inline-block;text-decoration:none}
button:hover,.button:hover{border-color:var(--ink)}
button.danger{color:var(--bad);border-color:var(--bad);font-weight:600;overflow-wrap:anywhere;max-width:100%}
:is(input,select,button,summary):focus-visible{outline:2px solid var(--focus);outline-offset:2px}
details.kick summary{color:var(--link);width:max-content;min-height:1.5rem}
details.kick form{max-width:24rem;margin:.25rem 0;white-space:normal}
.member{display:flex;flex-wrap:wrap;justify-content:space-between;gap:0 1rem}
.member details[open]{flex-basis:100%}
.members+details.kick,.members+p+details.kick{margin-top:.75rem}
details.kick p{margin:.25rem 0 .5rem}
td.payload code{white-space:pre-wrap}
svg.bar{display:block;width:100%;min-width:10rem;height:.7rem;margin-top:.2rem}
svg.bar rect{fill:var(--bar)}svg.bar rect.bad{fill:var(--bad)}
@media (max-width:40rem){td.w{min-width:0}.rooms :is(td,th):nth-child(n+4),.members :is(td,th):nth-child(n+3),.followed :is(td,th):nth-child(3){display:none}.followed td:nth-child(2){min-width:5rem}form.search label{flex-basis:100%}.facts{grid-template-columns:1fr 1fr}.wide{display:none}dl{grid-template-columns:1fr}dt{margin-top:.25rem}}
`
