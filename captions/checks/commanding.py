"""Whether a stranger's text tries to command whoever describes the picture, or hides something from those who read it.

Not whether an answer obeyed (`captions.checks.obeying`): that it was tried is reason enough to look at the draft. A
command is known by its structure, not by its topic: an imperative to write that leaves no choice ("write only"), a wish
about the alt text itself, an address to a machine that describes, earlier instructions that are to be dropped. An order
that is worded in another way passes; docs/decisions.md says how many do, of attacks that were not known here.
"""

import re
import unicodedata

# Overrides of the reading direction, and letters that only machines read (tags; those of a flag stand behind one).
_HIDDEN = re.compile("[\u202a-\u202e\u2066-\u2069]|(?<!\U0001f3f4)(?<![\U000e0020-\U000e007f])[\U000e0020-\U000e007f]")
_BROKEN_UP = re.compile("[A-Za-z][\u200b\u2060\ufeff\u00ad][A-Za-z]")
_ENCODED = re.compile(
    r"(?<![\w/.=-])(?=[A-Za-z+/]*\d)(?=[A-Za-z\d+/]*[a-z])(?=[a-z\d+/]*[A-Z])[A-Za-z\d+/]{24,}={0,2}(?![\w/])"
    r"|(?i:\bdecode (?:this|it|with|the following)\b)"
)
# Marks of chat templates, fences and messages between machines.
_MACHINES = (
    r"<\|[^|>]{1,30}\|?>|</s>|\[/?(?:INST|SYS|SYSTEM)\]|<</?SYS>>|<(?:start|end)_of_turn>"
    r"|[=＝═]{3,}[^=＝═\n]{0,60}\b(?:begin|end|data|post|system|prompt|instructions?)\b[^=＝═\n]{0,20}[=＝═]{3,}"
    r"|<!--[^>]{0,40}\b(?:describer|captioner|ai|assistant|model|system)\b"
    r'|"(?:role|alt|content|override|\w*(?:caption|alt_?text|description))"\s*:|\balt_text\s*:'
    r"|</?(?:assistant|system|user|model|prompt)\w*>|\[decorative\]"
    r"|^[^\w\n]{0,5}system (?:message|prompt|override)\b|^[^\w\n]{0,5}#+ *system[^\w\n]{0,5}$"
)
_DESCRIBER = (
    r"(?:ais?|a\.i\.|bots?|robots?|chatbots?|assistants?|llms?|(?:language |vision )?models?|describers?|captioners?"
    r"|screen ?readers?|automations?|machines?|whoever (?:describes?|captions?)|anyone (?:describing|captioning)"
    r"|kis?|beschrifter|sprachmodelle?|vorleseprogramme?|ias?|asistentes?|descripteurs?)"
)
_SAYS = (
    r"(?:write|say|answer|reply|respond|output|print|return|repeat|describe|caption|call|claim|report|state|mention"
    r"|include|add|append|insert|begin|start|end|finish|use|work|tell|pretend|act|speak|transcribe|translate|ignore"
    r"|this is|schreib\w*|sag\w*|antworte\w*|beschreib\w*|nenn\w*|erwähn\w*|füg\w*|écri\w+|répond\w*|décri\w+"
    r"|escrib\w+|respond\w+|describ\w+|di(?:ga|gan)?)"
)
_TEXTS = r"(?:alt(?:ernative)?[ -]?texts?|image descriptions?|descriptions?|captions?)"
_START = r"(?:^|[.!?:;,\n“\"(]\s?|\b(?:and|then|please|kindly|must|should|shall|instead|now|to|simply)\s+)"
# What is asked of the one who describes.
_ADDRESSED = (
    rf"^[^\w\n]{{0,5}}(?:attention |note to (?:the |all |any )?|dear |hey |to (?:the |all |any )?){_DESCRIBER}\b"
    rf"|(?:^|[.!?\n]\s?)[^\w\n]{{0,5}}(?:system|{_DESCRIBER})\s*[:,]\s*[^\n]{{0,60}}?\b(?:{_SAYS}|you|your|{_TEXTS})\b"
    rf"|\b{_DESCRIBER}\s+(?:must|should|shall|has to|have to|are to|is to|soll\w*|muss|müssen|debe[ns]?|doit)\b"
    rf"|\b(?:if|when) you(?:['’]re| are) an? (?:\w+ )?{_DESCRIBER}\b"
    rf"|(?:^|[.,;:!?]\s?)(?:to|for) (?:any |all )?{_DESCRIBER}\s*:"
    rf"|\b(?:when|if|before|while|as) (?:you (?:are )?)?(?:describ(?:e|ing)|caption(?:ing)?)\b[^.!?\n]{{0,30}},"
    rf"|\bwhoever (?:describes|captions)\b|\bnote to (?:the )?(?:ai|model|describer)\b"
    r"|\b(?:next|other|second|following) (?:picture|image|photo)s? (?:is|are|must|should) [^.!?\n]{0,20}"
    r"(?:described|called|captioned)\b"
)
# What the alt text is to be, or is said to be.
_ABOUT_THE_TEXT = (
    rf"\b(?:{_TEXTS}|alt)\b[^.!?\n]{{0,40}}\b(?:must|should|shall|has to|have to|needs? to|is to|"
    r"(?:end|begin|start|open|finish)(?:s|ed)? with)\b"
    rf"|\b(?:correct|right|proper|real|true|only|official|following) (?:{_TEXTS}|alt)\b[^.!?\n]{{0,30}}(?:\bis\b|:)"
    rf"|{_START}(?:mention|add|include|put|insert|work|begin|start|end|finish)\b[^.!?\n]{{0,40}}"
    rf"\b(?:in|to|into|of)? ?(?:the|your) (?:{_TEXTS}|alt)\b"
    rf"|{_START}(?:give|write|provide|keep|make) (?:the|your) (?:{_TEXTS}) (?:in|as|like|with|about|short|long)\b"
    rf"|\b(?:in place of|instead of) an? {_TEXTS}\b"
    r"|\b(?:bildbeschreibung|beschreibung|alternativtext|alt-text)\w*\b[^.!?\n]{0,60}\b(?:muss|soll\w*|müssen|lautet"
    r"|(?:beginn|end)\w* mit|erwähn\w*|vorkomm\w*|steh(?:t|en))\b|\bbeschreibe das bild\b"
    r"|\b(?:légende|description|texte alternatif)\b[^.!?\n]{0,40}\b(?:doit|devra|commence par|(?:se )?termine|finiss\w+"
    r"|correcte?)\b|\b(?:leyenda|descripción|texto alternativo)\b[^.!?\n]{0,40}\b(?:debe|tiene que|correct[ao]|empie\w+"
    r"|termin\w+)\b"
)
_IGNORE = (
    r"\b(?:ignor\w*|disregard|forget|overlook|override|vergiss|vergesst|missachte|oublie[zr]?|olvid\w+|dimentica\w*"
    r"|esque[cç]\w+|negeer|vergeet|zignoruj|zapomnij|забудь\w*|игнорируй\w*|ігноруй\w*|αγνόησε|ξέχνα|glem|glöm"
    r"|unohda)\b"
)
_EARLIER = (
    r"(?:(?:(?:all|any|the|your|these|previous|prior|above|earlier|other)\s+)*"
    r"(?:(?:instructions?|prompts?|orders|guidelines)\b|(?:previous|prior|above|earlier|your)\s+(?:rules|text|\w+)\b)"
    r"|(?:this|the above|everything above|all of the above)\b(?= and\b|[.!?:]|$)"
    r"|(?:[\w’']+\s+){0,3}?(?:anweisung\w*|vorgaben|davor|consignes?|instrucciones|reglas|istruzioni|instruç\w+|instructies"
    r"|alles\.|tutto\b|tudo\b|polece\w+|инструкц\w*|інструкц\w*|οδηγίες|ohjeet|instruktion\w*))"
)
_ONLY = (
    rf"{_START}(?:write|say|answer|reply|respond|output|print|return|repeat)\s+(?:\w+\s+)?"
    r"(?:only|just|exactly|nothing but|with exactly|instead|that this|that it|that the|that no|that you)\b"
    r"|(?:^|[.!?\n]\s?)(?:reply|respond|answer|say|write)\b[^.!?\n]{0,40}\b(?:and )?nothing else\b"
    rf"|{_START}(?:say|write|answer|reply|output|print|return)\s+(?:with\s+)?(?:the words?|[“\"„«]|this json|nothing\b)"
    r"|\b(?:stop|do not|don['’]t) describ(?:e|ing)\b|\banswer (?:as|in) (?:an?|\w+ only|rhymes?|emoji)\b"
    r"|\b(?:schreibe?|schreibt|antworte[nt]?|sage?|sagt)\s+(?:bitte\s+)?(?:nur|ausschließlich|genau|ab jetzt)\b"
    r"|\b(?:écri\w+|répond\w*|dis|dites)\s+(?:uniquement|seulement|juste|exactement)\b"
    r"|\b(?:escrib\w+|respond\w+|contest\w+|di)\s+(?:solo|sólo|solamente|únicamente|exactamente)\b"
    r"|\b(?:scrivi|rispondi)\s+(?:solo|soltanto)\b|\b(?:escreva|responda|escreve)\s+(?:apenas|somente|só)\b"
    r"|\b(?:schrijf|antwoord)\s+(?:alleen|enkel)\b|\b(?:napisz|odpowiedz)\s+tylko\b|\b(?:skriv|svara)\s+(?:bara|endast)\b"
    r"|\b(?:напиши|ответь)\w*\s+только\b|\b(?:напиши|відповідай)\w*\s+лише\b|\bγράψε\s+μόνο\b|"
    r"\bsadece (?:şunu )?(?:yaz|söyle)"
)
_ROLES = (
    r"\byou(?:['’]re| are)(?: now)? (?:an? )?(?:dan|free|unrestricted|jailbroken|\w*bot|pirate|assistant|ai|model)\b"
    r"|\byou are now an?\b|\bfrom (?:now|here) on,? (?:you|write|say|answer)\b|\bnew (?:task|instructions?)\s*:"
    r"|\b(?:your|the) (?:system |initial |hidden )?(?:prompt|instructions)\b(?=[^.!?\n]{0,20}(?:[.!?]|$))"
    r"|\b(?:everything you were told|the (?:text|words?) above)\b"
)
# What is to be said of the picture, or of those in it.
_OF_THE_PICTURE = (
    rf"{_START}(?:describe|caption|transcribe|refer to|call)(?: (?:this|it|the|him|her|them|a|an))?(?: \w+)? as\b"
    rf"|{_START}(?:describe|caption) (?:it|this|the (?:picture|image|photo)) (?:and|with|as)\b"
    r"|(?:^|[.!?\n]\s?)describe an? \w+\b"
    rf"|{_START}(?:name|identify) (?:him|her|them|(?:the|his|her|their) (?:person|man|woman|people|name))\b"
    r"|\bsay (?:that (?:this|it|the)|so$|of (?:him|her|them|every))"
    r"|(?:^|[.!?\n]\s?)(?:tell|ask) (?:everyone|everybody|(?:all |the )*readers?) (?:that|to)\b"
    r"|\badd this\b[^.!?\n]{0,20}\bto the text\b|\bwrite that (?:it|this|the)\b"
)
_SPOKEN = re.compile(
    "|".join((f"{_IGNORE}\\s+{_EARLIER}", _ONLY, _ADDRESSED, _ABOUT_THE_TEXT, _ROLES, _OF_THE_PICTURE, _MACHINES)),
    re.IGNORECASE | re.MULTILINE,
)
_UNSPACED = re.compile(
    "指示[^。]{0,10}無視|無視し[^。]{0,40}(?:書|答|出力)|とだけ(?:書|答)|忽略[^。]{0,12}(?:指令|指示|说明|規則|规则)"
    "|(?:説明文?|代替テキスト|キャプション|画像の説明)[^。\n]{0,30}(?:付けて|書いて|入れて|加えて|含めて)(?:ください|下さい)"
    "|(?:写真|画像)(?:で|では)なく[^。\n]{0,20}(?:語|書|答|述)|(?:只|仅)(?:写|回答|输出)|지시[^.]{0,10}무시"
    "|만 (?:쓰|써|답)"
    "|تجاهل[^.]{0,20}(?:تعليمات|أوامر)|اكتب فقط|התעלם[^.]{0,20}הוראות|כתוב רק|निर्देश[^।.]{0,20}(?:अनदेखा|नज़रअंदाज़)"
    "|केवल लिख|talimat\\w*[^.]{0,20}yok say"
)


def commands(text: str) -> bool:
    """Whether the text commands a machine, or hides a part of itself."""
    if not text:
        return False
    if _HIDDEN.search(text) or _BROKEN_UP.search(text) or _looks_like_another_script(text):
        return True
    # As it stands, and with lines joined: on a sign they break sentences. Runs of spaces say nothing and cost time.
    plain = unicodedata.normalize("NFKC", text)
    said = (_squeezed(text), _squeezed(plain), " ".join(plain.split()))
    return bool(_ENCODED.search(text)) or any(map(_SPOKEN.search, said)) or any(map(_UNSPACED.search, said))


def _squeezed(text: str) -> str:
    return "\n".join(line for each in text.splitlines() if (line := " ".join(each.split())))


def _looks_like_another_script(text: str) -> bool:
    """A word that mixes Latin letters with Cyrillic or Greek ones is made to be read by people and not found."""
    for word in re.findall(r"[^\W\d_]{4,}", text):
        scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in word}
        if "LATIN" in scripts and scripts & {"CYRILLIC", "GREEK"}:
            return True
    return False
