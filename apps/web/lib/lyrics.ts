/** Figures that counting words gives, without a model or a network. */
export interface LyricsAnalysis {
  readonly lines: number
  readonly words: number
  readonly uniqueWords: number
  /** Unique words / words, from 0 to 1. */
  readonly vocabulary: number
  /** Share of lines that occur more than once, from 0 to 1; high for a song with a chorus. */
  readonly repetition: number
  /** Estimated at 2.2 sung words per second. */
  readonly estimatedSeconds: number
  readonly language: 'en' | 'es' | 'de' | 'fr' | 'sv' | 'unknown'
  readonly mood: 'bright' | 'dark' | 'mixed' | 'neutral'
  readonly explicit: boolean
  /** The most frequent words that are not function words, at most 6. */
  readonly keywords: readonly string[]
}

const FUNCTION_WORDS = {
  en: 'the a an and or but of in on at to for is are was were be been am i you he she it we they me my your his her our their this that with not no so as do does did have has had will would can could from up down out all just like when what who how if then than there here im dont its youre',
  es: 'el la los las un una y o pero de en a para es son era soy yo tú él ella nosotros ellos mi tu su que con no como por se lo me te más muy sin',
  de: 'der die das ein eine und oder aber von in an auf zu für ist sind war ich du er sie es wir ihr mein dein sein nicht mit wie so auch noch nur wenn was wer dem den',
  fr: 'le la les un une et ou mais de dans à pour est sont je tu il elle nous vous ils mon ton son que avec ne pas comme par se ce qui dans sur plus sans moi toi',
  sv: 'en ett och eller men av i på till för är var jag du han hon det vi ni de min din sin inte med som så om när vad den att har kan ska',
} as const

const BRIGHT = new Set(
  'love light sun bright home smile dance alive gold heaven free joy laugh shine summer hope sweet warm dream star happy'.split(
    ' ',
  ),
)
const DARK = new Set(
  'cold dark alone cry tears pain lost gone grave night fear broken dead die rain hurt shadow blood hell lonely goodbye fall'.split(
    ' ',
  ),
)
const EXPLICIT = /\b(fuck\w*|shit\w*|bitch\w*|motherfuck\w*)\b/iu

export function analyseLyrics(lyrics: string): LyricsAnalysis {
  const lines = lyrics
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
  const words =
    lyrics
      .toLowerCase()
      .replaceAll(/['’]/g, '')
      .match(/\p{L}+/gu) ?? []
  const counts = tally(words)
  const lineCounts = tally(lines.map((line) => line.toLowerCase()))
  const repeated = lines.filter((line) => (lineCounts.get(line.toLowerCase()) ?? 0) > 1).length
  const language = detectLanguage(words)
  const stop = new Set(Object.values(FUNCTION_WORDS).flatMap((list) => list.split(' ')))
  return {
    lines: lines.length,
    words: words.length,
    uniqueWords: counts.size,
    vocabulary: ratio(counts.size, words.length),
    repetition: ratio(repeated, lines.length),
    estimatedSeconds: Math.round(words.length / 2.2),
    language,
    mood: detectMood(words),
    explicit: EXPLICIT.test(lyrics),
    keywords: [...counts]
      .filter(([word]) => word.length > 2 && !stop.has(word))
      .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
      .slice(0, 6)
      .map(([word]) => word),
  }
}

function detectLanguage(words: readonly string[]): LyricsAnalysis['language'] {
  let best: LyricsAnalysis['language'] = 'unknown'
  let bestShare = 0.12
  for (const [language, list] of Object.entries(FUNCTION_WORDS) as [keyof typeof FUNCTION_WORDS, string][]) {
    const known = new Set(list.split(' '))
    const share = ratio(words.filter((word) => known.has(word)).length, words.length)
    if (share > bestShare) [best, bestShare] = [language, share]
  }
  return best
}

function detectMood(words: readonly string[]): LyricsAnalysis['mood'] {
  const bright = words.filter((word) => BRIGHT.has(word)).length
  const dark = words.filter((word) => DARK.has(word)).length
  if (bright + dark === 0) return 'neutral'
  if (bright >= dark * 2) return 'bright'
  return dark >= bright * 2 ? 'dark' : 'mixed'
}

function tally(items: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1)
  return counts
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.round((part / whole) * 1000) / 1000
}
