"""Sixty pictures of text: six scripts, ten ways to show it. Drawn with fonts of Debian packages (see scripts/test)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from processing.preparation import PreparedImage, prepare
from processing.tests.pictures import encoded

_FONTS = Path("/usr/share/fonts/truetype")
_SANS = _FONTS / "dejavu/DejaVuSans.ttf"
_SERIF = _FONTS / "dejavu/DejaVuSerif.ttf"
_NASKH = Path("/usr/share/fonts/opentype/fonts-hosny-amiri/Amiri-Regular.ttf")
_GOTHIC = _FONTS / "vlgothic/VL-Gothic-Regular.ttf"
_PROPORTIONAL = _FONTS / "vlgothic/VL-PGothic-Regular.ttf"
_GULIM = _FONTS / "lexi/LexiGulim.ttf"
_SAEBOM = _FONTS / "lexi/LexiSaebomR.ttf"

# The fonts take turns; the ten texts go with the ten ways to show them, in this order.
FONTS: dict[str, tuple[Path, ...]] = {
    "Latin": (_SANS, _SERIF),
    "Cyrillic": (_SANS, _SERIF),
    "Greek": (_SANS, _SERIF),
    "Japanese": (_GOTHIC, _PROPORTIONAL),
    "Arabic": (_SANS, _NASKH),
    "Korean": (_GULIM, _SAEBOM),
}
TEXTS: dict[str, tuple[str, ...]] = {
    "Latin": (
        "The library opens at nine",
        "Wir treffen uns am Bahnhof",
        "La boulangerie est fermée",
        "Mañana llueve en Sevilla",
        "Keep the gate closed, please",
        "Fresh bread every morning",
        "The train to Łódź\nleaves in ten minutes",
        "Questions? Ask at the desk on the second floor.",
        "Summer concert in the park",
        "Never stop\nlearning new words",
    ),
    "Cyrillic": (
        "Библиотека открыта до вечера",
        "Встречаемся на вокзале",
        "Свежий хлеб каждое утро",
        "Завтра обещают сильный дождь",
        "Закрывайте, пожалуйста, дверь",
        "Летний концерт в парке",
        "Поезд в Москву\nотправляется через час",
        "Вопросы? Обратитесь к дежурному на втором этаже.",
        "Сегодня прекрасная погода",
        "Учиться никогда\nне поздно",
    ),
    "Greek": (
        "Η βιβλιοθήκη ανοίγει στις εννέα",
        "Συναντιόμαστε στον σταθμό",
        "Φρέσκο ψωμί κάθε πρωί",
        "Αύριο θα βρέξει πολύ",
        "Κλείστε την πόρτα, παρακαλώ",
        "Καλοκαιρινή συναυλία στο πάρκο",
        "Το τρένο για την Αθήνα\nφεύγει σε λίγο",
        "Ερωτήσεις; Ρωτήστε στη γραμματεία στον δεύτερο όροφο.",
        "Σήμερα έχει ωραίο καιρό",
        "Ποτέ δεν είναι αργά\nγια να μάθεις",
    ),
    "Japanese": (
        "図書館は九時に開きます",
        "駅の前で会いましょう",
        "毎朝焼きたてのパンがあります",
        "明日は大雨になるでしょう",
        "ドアを閉めてください",
        "公園で夏のコンサート",
        "東京行きの電車は\n十分後に出発します",
        "質問がある方は二階の受付までお越しください。",
        "今日はとても良い天気です",
        "学ぶことに\n遅すぎることはない",
    ),
    "Arabic": (
        "تفتح المكتبة أبوابها صباحا",
        "نلتقي أمام محطة القطار",
        "خبز طازج كل صباح",
        "غدا سوف تمطر السماء",
        "أغلق الباب من فضلك",
        "حفلة موسيقية في الحديقة",
        "القطار إلى القاهرة\nيغادر بعد ساعة",
        "هل لديك أسئلة؟ اسأل في الطابق الثاني.",
        "الطقس اليوم جميل جدا",
        "لا يفوت الأوان\nأبدا على التعلم",
    ),
    "Korean": (
        "도서관은 아홉 시에 문을 엽니다",
        "역 앞에서 만나요",
        "매일 아침 신선한 빵이 있습니다",
        "내일은 비가 많이 옵니다",
        "문을 닫아 주세요",
        "공원에서 열리는 여름 음악회",
        "부산으로 가는 기차는\n곧 출발합니다",
        "질문이 있으시면 이층 안내소로 오세요.",
        "오늘은 날씨가 정말 좋습니다",
        "배움에는\n늦은 때가 없다",
    ),
}


@dataclass(frozen=True)
class TextPicture:
    """One picture and what stands in it, a line each."""

    script: str
    way: str
    text: str
    picture: PreparedImage


def text_pictures(script: str) -> Iterator[TextPicture]:
    """The ten pictures of one script."""
    for index, ((way, show), text) in enumerate(zip(WAYS.items(), TEXTS[script], strict=True)):
        fonts = FONTS[script]
        yield TextPicture(script, way, text, prepare(show(text, fonts[index % len(fonts)])))


def written(
    text: str, font: Path, *, height: int = 46, ink: str = "#111", paper: Image.Image | str = "white"
) -> Image.Image:
    """`text` in letters of `height` pixels, in the middle of a picture, lines of Arabic at the right."""
    face = ImageFont.truetype(str(font), height)
    probe = ImageDraw.Draw(Image.new("RGB", (8, 8)))
    align = "right" if any("\u0590" <= character <= "\u08ff" for character in text) else "left"
    left, top, right, bottom = probe.multiline_textbbox((0, 0), text, font=face, spacing=height // 3, align=align)
    size = (int(right - left) + 4 * height, int(bottom - top) + 5 * height)
    image = paper.resize(size).convert("RGB") if isinstance(paper, Image.Image) else Image.new("RGB", size, paper)
    corner = ((size[0] - right + left) / 2 - left, (size[1] - bottom + top) / 2 - top)
    ImageDraw.Draw(image).multiline_text(corner, text, font=face, fill=ink, spacing=height // 3, align=align)
    return image


def _plain(text: str, font: Path) -> bytes:
    return encoded(written(text, font))


def _dark(text: str, font: Path) -> bytes:
    return encoded(written(text, font, ink="#eee", paper="#15202b"))


def _gradient(text: str, font: Path) -> bytes:
    grey = np.linspace(90, 255, 256, dtype=np.uint8)
    paper = np.stack([np.tile(grey, (256, 1)), np.full((256, 256), 190, np.uint8), np.tile(grey[::-1], (256, 1))], 2)
    return encoded(written(text, font, ink="#101040", paper=Image.fromarray(paper)))


def _noisy(text: str, font: Path) -> bytes:
    image = np.asarray(written(text, font), dtype=np.int16)
    spots = np.random.default_rng(7).normal(0, 28, image.shape)
    return encoded(Image.fromarray(np.clip(image + spots, 0, 255).astype(np.uint8)))


def _turned(text: str, font: Path) -> bytes:
    image = written(text, font)
    return encoded(image.rotate(4, Image.Resampling.BICUBIC, expand=True, fillcolor="white"))


def _squeezed(text: str, font: Path) -> bytes:
    return encoded(written(text, font), "JPEG", quality=45)


def _small(text: str, font: Path) -> bytes:
    return encoded(written(text, font, height=20))


def _coloured(text: str, font: Path) -> bytes:
    return encoded(written(text, font, ink="#ffef9f", paper="#a1224b"))


def _card(text: str, font: Path) -> bytes:
    """In a frame, on a card that lies on something dark."""
    card = written(text, font, height=54, ink="#203a43", paper="#f4e9cd")
    ImageDraw.Draw(card).rectangle((14, 14, card.width - 15, card.height - 15), outline="#203a43", width=4)
    table = Image.new("RGB", (card.width + 120, card.height + 120), "#274046")
    table.paste(card, (60, 60))
    return encoded(table, "JPEG", quality=80)


WAYS: dict[str, Callable[[str, Path], bytes]] = {
    "plain": _plain,
    "dark": _dark,
    "gradient": _gradient,
    "noise": _noisy,
    "turned": _turned,
    "JPEG 45": _squeezed,
    "two lines": _plain,
    "small": _small,
    "coloured": _coloured,
    "card": _card,
}
