"""Whether a stranger's text tries to command whoever describes the picture, or hides something from those who read it.

Not whether an answer obeyed (`captions.checks.obeying`): that it was tried is reason enough to look at the draft. It is
meant to find too much rather than too little; ordinary posts that are taken for commands cost a second look.
"""

import re
import unicodedata

# Overrides of the reading direction, and letters that only machines read (tags; those of a flag stand behind one).
_HIDDEN = re.compile("[\u202a-\u202e\u2066-\u2069]|(?<!\U0001f3f4)(?<![\U000e0020-\U000e007f])[\U000e0020-\U000e007f]")
_BROKEN_UP = re.compile("[A-Za-z][\u200b\u2060\ufeff\u00ad][A-Za-z]")
_MACHINES = re.compile(
    r"<\|[^|>]{1,30}\|?>|</s>|\[/?(?:INST|SYS|SYSTEM)\]|<</?SYS>>|<(?:start|end)_of_turn>|<!--"
    r"|[=＝═]{3,}[^=＝═\n]{1,80}[=＝═]{3,}"  # and what looks like a fence
    r"|^\W*(?:system|assistant|user|note to (?:the )?(?:ai|model|describer))\b[^\n]{0,20}:?$"
    r"|\b(?:system|assistant|describer|chatbot|llm|ki|ai|ia)\b(?: message| prompt)?\s*:"
    r'|"(?:role|alt|content)"\s*:|\balt[_ -]?text\s*:|\brot-?13\b|\bbase64\b|\[decorative\]',
    re.IGNORECASE | re.MULTILINE,
)
_ENCODED = re.compile(
    r"(?<![\w/.=-])(?=[A-Za-z+/]*\d)(?=[A-Za-z\d+/]*[a-z])(?=[a-z\d+/]*[A-Z])[A-Za-z\d+/]{24,}={0,2}(?![\w/])"
)

# "Ignore" in the languages of the Fediverse, where it is said to somebody; with what is to be ignored close behind.
_IGNORE = (
    r"\b(?:ignor\w*|disregard|forget|overlook|vergiss|vergesst|missachte|oublie[zr]?|olvid\w+|dimentica\w*"
    r"|esque[cç]\w+"
    r"|negeer|vergeet|zignoruj|zapomnij|забудь\w*|игнорируй\w*|ігноруй\w*|αγνόησε|ξέχνα|yok say|unut|glem|glöm"
    r"|unohda)\b"
)
_EARLIER = (
    r"(?:all|above|previous|prior|earlier|rules?|instructions?|prompt|orders?|bisherig\w*|vorherig\w*|obig\w*"
    r"|davor|alles"
    r"|anweisung\w*|regeln|consignes?|instructions?|précédent\w*|instrucciones|anterior\w*|reglas|istruzioni"
    r"|precedent\w*"
    r"|tutto|instruç\w+|tudo|instructies|alles|polece\w+|poprzedni\w*|инструкц\w*|інструкц\w*|οδηγίες|talimat\w*)"
)
_ONLY = (
    r"\b(?:write|say|answer|reply|respond|output|print|return|repeat|begin|start|end|add|append|mention|include"
    r"|schreib\w*"
    r"|antworte\w*|sag[et]?|gib|häng\w*|écri\w+|répond\w*|escrib\w+|respond\w+|scrivi|rispondi|escrev\w+"
    r"|respond\w+|schrijf"
    r"|napisz|odpowiedz|напиши\w*|ответь\w*|напиши|γράψε|yaz)\b[^.!?\n]{0,60}?"
    r"(?:\b(?:only|just|exactly|nothing else|instead|word for word|nur|ausschließlich|uniquement|seulement"
    r"|solamente|sólo|solo"
    r"|soltanto|apenas|somente|alleen|tylko|только|лише|μόνο|sadece)\b|[:“„«\"]\s*\S|\bthe words?\b|\bto the text\b)"
)
_TOLD = (
    r"\b(?:your|the|these|any) (?:instructions|prompt|rules)\b|\b(?:alt[ -]?texts?|descriptions?"
    r"|captions?)\b[^.!?\n]{0,40}"
    r"\b(?:must|should|always|now|ends? with|begins? with|starts? with)\b"
    r"|\b(?:describe|call) (?:this|it|the|him|her|them)\b[^.!?\n]{0,60}\b(?:as|and)\b"
    r"|\b(?:when|if|before) you describe\b|\beverything you were told\b|\byou (?:are now|must|only|cannot help"
    r"|know who)\b"
    r"|\b(?:tell|ask) (?:everyone|everybody|readers?|the readers?)\b|\bsay (?:that|so|of|yes|nothing)\b"
    r"|\btherefore answer\b"
    r"|\bplease (?:be|identify|name)\b|\bname (?:him|her|them|his|the person)\b|\bstop describing\b"
    r"|\banswer in\b|\btalk like\b"
    r"|\bthe words? above\b|\bdecode\b[^.!?\n]{0,30}\b(?:do|obey|follow)\b|\bbegin the alt\b|\breply with\b"
    r"|\bnew task\b"
    r"|\bbeschreibe das bild\b"
)
_SPOKEN = re.compile(f"{_IGNORE}.{{0,60}}?{_EARLIER}|{_ONLY}|{_TOLD}", re.IGNORECASE | re.DOTALL)
_UNSPACED = re.compile(
    "指示[^。]{0,10}無視|無視し[^。]{0,40}(?:書|答|出力)|とだけ(?:書|答)|忽略[^。]{0,12}(?:指令|指示|说明|規則|规则)"
    "|(?:只|仅)(?:写|回答|输出)|지시[^.]{0,10}무시|만 (?:쓰|써|답)|다음만|تجاهل[^.]{0,20}(?:تعليمات|أوامر)|اكتب فقط"
    "|התעלם[^.]{0,20}הוראות|כתוב רק|निर्देश[^।.]{0,20}(?:अनदेखा|नज़रअंदाज़)|केवल लिख"
)


def commands(text: str) -> bool:
    """Whether the text commands a machine, or hides a part of itself."""
    if not text:
        return False
    if _HIDDEN.search(text) or _BROKEN_UP.search(text) or _looks_like_another_script(text):
        return True
    plain = unicodedata.normalize("NFKC", text)
    patterns = ((_MACHINES, text), (_ENCODED, text), (_SPOKEN, plain), (_UNSPACED, plain))
    return any(pattern.search(said) for pattern, said in patterns)


def _looks_like_another_script(text: str) -> bool:
    """A word that mixes Latin letters with Cyrillic or Greek ones is made to be read by people and not found."""
    for word in re.findall(r"[^\W\d_]{4,}", text):
        scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in word}
        if "LATIN" in scripts and scripts & {"CYRILLIC", "GREEK"}:
            return True
    return False
