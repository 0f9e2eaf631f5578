import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
const { outputFiles, metafile } = await build({stdin:{contents:`export { createRealtime } from './index.ts'`,resolveDir:fileURLToPath(new URL('.', import.meta.url)),loader:'ts'},bundle:true,splitting:true,outdir:'out',minify:true,metafile:true,format:'esm',platform:'browser',target:'es2023',conditions:['@msc/source'],external:['@supabase/supabase-js','react'],write:false,logLevel:'silent'})
const [entry] = Object.entries(metafile.outputs).find(([, { entryPoint }]) => entryPoint === '<stdin>')
const first=new Set();const visit=p=>{if(first.has(p))return;first.add(p);for(const e of metafile.outputs[p]?.imports??[])if(e.kind==='import-statement'&&!e.external)visit(e.path)};visit(entry)
const texts=outputFiles.filter(({path})=>[...first].some(e=>path.endsWith(e)))
console.log(texts.reduce((s,{text})=>s+gzipSync(text,{level:9}).length,0))
if(process.argv[2])for(const t of texts)console.log(t.path,t.text.length,'\n',t.text)
if(process.argv[2])console.log(Object.entries(metafile.outputs[entry].inputs).map(([k,v])=>k+' '+v.bytesInOutput).join('\n'))
