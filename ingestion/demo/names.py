"""Names of people and streets: Zipf-weighted lists for China, Germany and Japan, each with a Latin spelling.

Belongs here: the lists and how a name is picked.
Does not belong here: how a name gets corrupted (noise), who lives where.
"""

from __future__ import annotations

import random
from bisect import bisect
from itertools import accumulate

CN_SURNAMES = (
    "王Wang 李Li 张Zhang 刘Liu 陈Chen 杨Yang 黄Huang 赵Zhao 吴Wu 周Zhou 徐Xu 孙Sun 马Ma 朱Zhu 胡Hu 郭Guo 何He 林Lin "
    "高Gao 罗Luo 郑Zheng 梁Liang 谢Xie 宋Song 唐Tang 许Xu 韩Han 冯Feng 邓Deng 曹Cao 彭Peng 曾Zeng 肖Xiao 田Tian "
    "董Dong 袁Yuan 潘Pan 于Yu 蒋Jiang 蔡Cai 余Yu 杜Du 叶Ye 程Cheng 苏Su 魏Wei 吕Lü 丁Ding 任Ren 沈Shen 姚Yao 卢Lu "
    "姜Jiang 崔Cui 钟Zhong 谭Tan 陆Lu 汪Wang 范Fan 金Jin 石Shi 廖Liao 贾Jia 夏Xia 韦Wei 付Fu 方Fang 白Bai 邹Zou "
    "孟Meng 熊Xiong 秦Qin 邱Qiu 江Jiang 尹Yin 薛Xue 闫Yan 段Duan 雷Lei 侯Hou"
)
CN_GIVEN_FEMALE = (
    "芳fang 娜na 敏min 静jing 丽li 艳yan 娟juan 霞xia 玲ling 雪xue 婷ting 慧hui 颖ying 琳lin 倩qian 雅ya 欣xin 佳jia "
    "怡yi 梦meng 洁jie 燕yan 红hong 萍ping 莉li 珊shan 蓉rong 薇wei 月yue 晴qing 思si 诗shi 语yu 涵han 萱xuan 妍yan "
    "悦yue 彤tong 宁ning 秀xiu"
)
CN_GIVEN_MALE = (
    "伟wei 强qiang 磊lei 军jun 勇yong 杰jie 涛tao 明ming 超chao 刚gang 平ping 辉hui 鹏peng 华hua 飞fei 鑫xin 波bo "
    "斌bin 宇yu 浩hao 凯kai 健jian 俊jun 峰feng 龙long 文wen 志zhi 国guo 建jian 海hai 天tian 子zi 博bo 睿rui 轩xuan "
    "泽ze 晨chen 阳yang 瑞rui 铭ming"
)
DE_SURNAMES = (
    "Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Schäfer Koch Bauer Richter Klein "
    "Wolf Schröder Neumann Schwarz Zimmermann Braun Krüger Hofmann Hartmann Lange Schmitt Werner Schmitz Krause "
    "Meier Lehmann Schmid Schulze Maier Köhler Herrmann König Walter Mayer Huber Kaiser Fuchs Peters Lang Scholz "
    "Möller Weiß Jung Hahn Schubert Vogel Friedrich Keller Günther Frank Berger Winkler Roth Beck Lorenz Baumann "
    "Franke Albrecht Schuster Simon Ludwig Böhm Winter Kraus Martin Schumacher Krämer Vogt Stein Jäger Otto Sommer "
    "Groß Seidel Heinrich Brandt Haas Schreiber Graf Dietrich"
)
DE_GIVEN_FEMALE = (
    "Anna Julia Sabine Monika Petra Katharina Laura Lena Susanne Claudia Sarah Lisa Andrea Nicole Stefanie Birgit "
    "Martina Karin Christina Nadine Johanna Marie Sophie Heike Silke Melanie Franziska Ursula Gabriele Daniela Jana "
    "Eva Miriam Charlotte Ines"
)
DE_GIVEN_MALE = (
    "Thomas Michael Andreas Peter Stefan Christian Martin Wolfgang Daniel Markus Alexander Jan Tobias Sebastian "
    "Frank Matthias Jürgen Uwe Florian Philipp Lukas Felix Jonas Maximilian Paul Tim Klaus Bernd Holger Sven Dirk "
    "Oliver Robert Simon Niklas"
)
JP_SURNAMES = (
    "佐藤Sato 鈴木Suzuki 高橋Takahashi 田中Tanaka 伊藤Ito 渡辺Watanabe 山本Yamamoto 中村Nakamura 小林Kobayashi "
    "加藤Kato 吉田Yoshida 山田Yamada 佐々木Sasaki 山口Yamaguchi 松本Matsumoto 井上Inoue 木村Kimura 林Hayashi "
    "斎藤Saito 清水Shimizu 山崎Yamazaki 森Mori 池田Ikeda 橋本Hashimoto 阿部Abe 石川Ishikawa 山下Yamashita "
    "中島Nakajima 石井Ishii 小川Ogawa 前田Maeda 岡田Okada 長谷川Hasegawa 藤田Fujita 後藤Goto 近藤Kondo 村上Murakami "
    "遠藤Endo 青木Aoki 坂本Sakamoto 福田Fukuda 太田Ota 西村Nishimura 藤井Fujii 金子Kaneko"
)
JP_GIVEN_FEMALE = (
    "陽子Yoko 久美子Kumiko 由美Yumi 美咲Misaki 葵Aoi 結衣Yui 恵子Keiko 智子Tomoko 真由美Mayumi 明美Akemi 直美Naomi "
    "愛Ai 香織Kaori 麻衣Mai 彩Aya 千尋Chihiro 美穂Miho 優子Yuko 裕子Hiroko 典子Noriko 桜Sakura 遥Haruka 奈々Nana "
    "綾香Ayaka 理恵Rie"
)
JP_GIVEN_MALE = (
    "誠Makoto 浩Hiroshi 健一Kenichi 大輔Daisuke 翔太Shota 拓也Takuya 直樹Naoki 健太Kenta 隆Takashi 哲也Tetsuya "
    "和也Kazuya 翼Tsubasa 亮Ryo 学Manabu 剛Tsuyoshi 修Osamu 達也Tatsuya 博Hiroshi 勇気Yuki 陽太Yota 蓮Ren 大翔Hiroto "
    "悠真Yuma 茂Shigeru 進Susumu"
)
CN_STREETS = [
    "南京西路",
    "淮海中路",
    "四川北路",
    "延安西路",
    "北京东路",
    "福州路",
    "人民大道",
    "中山北路",
    "徐家汇路",
    "衡山路",
    "复兴中路",
    "陕西南路",
    "长宁路",
    "天山路",
    "虹桥路",
    "张杨路",
    "世纪大道",
    "浦东南路",
    "杨高中路",
    "锦绣路",
    "曹杨路",
    "大连路",
    "江湾镇路",
    "莘庄路",
    "七莘路",
    "沪闵路",
    "龙华路",
    "漕宝路",
    "宜山路",
    "吴中路",
]
DE_STREETS = [
    "Hauptstraße",
    "Schulstraße",
    "Gartenstraße",
    "Bahnhofstraße",
    "Dorfstraße",
    "Bergstraße",
    "Lindenstraße",
    "Kantstraße",
    "Torstraße",
    "Oranienstraße",
    "Bergmannstraße",
    "Kastanienallee",
    "Schönhauser Allee",
    "Karl-Marx-Allee",
    "Sonnenallee",
    "Müllerstraße",
    "Turmstraße",
    "Potsdamer Straße",
    "Eichenweg",
]
JP_STREETS = [
    "神宮前",
    "南青山",
    "西新宿",
    "東池袋",
    "代々木",
    "恵比寿",
    "中目黒",
    "三軒茶屋",
    "上野",
    "浅草",
    "高円寺北",
    "吉祥寺本町",
    "自由が丘",
    "北千住",
    "月島",
]


def _split(text: str) -> list[tuple[str, str]]:
    pairs = []
    for word in text.split():
        cut = next((i for i, letter in enumerate(word) if letter.isascii()), len(word))
        pairs.append((word[:cut], word[cut:]) if 0 < cut < len(word) else (word, word))
    return pairs


class _Zipf:
    """A list of which the r-th entry has weight 1 / r ** exponent."""

    def __init__(self, entries: list[tuple[str, str]], exponent: float) -> None:
        self.entries = entries
        self.bounds = list(accumulate(1 / (rank + 1) ** exponent for rank in range(len(entries))))

    def pick(self, die: random.Random) -> tuple[str, str]:
        return self.entries[bisect(self.bounds, die.random() * self.bounds[-1])]


def _latin(text: str) -> list[tuple[str, str]]:
    return [(word, word) for word in text.split()]


_SURNAMES = {
    "CN": _Zipf(_split(CN_SURNAMES), 1.0),
    "DE": _Zipf(_latin(DE_SURNAMES), 0.85),
    "JP": _Zipf(_split(JP_SURNAMES), 0.8),
}
_GIVEN = {
    ("CN", "f"): _Zipf(_split(CN_GIVEN_FEMALE), 0.7),
    ("CN", "m"): _Zipf(_split(CN_GIVEN_MALE), 0.7),
    ("DE", "f"): _Zipf(_latin(DE_GIVEN_FEMALE), 0.7),
    ("DE", "m"): _Zipf(_latin(DE_GIVEN_MALE), 0.7),
    ("JP", "f"): _Zipf(_split(JP_GIVEN_FEMALE), 0.6),
    ("JP", "m"): _Zipf(_split(JP_GIVEN_MALE), 0.6),
}
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"})


def pick_surname(die: random.Random, country: str) -> tuple[str, str]:
    """(native, Latin) spelling of a family name."""
    return _SURNAMES[country].pick(die)


def pick_given(die: random.Random, country: str, gender: str, initial: str | None = None) -> tuple[str, str]:
    """(native, Latin) spelling of a given name; Chinese ones have one or two characters.

    With ``initial`` the Latin spelling begins with that letter, if the list has such a name.
    """
    native = latin = ""
    for _ in range(1 if initial is None else 400):
        native, latin = _GIVEN[country, gender].pick(die)
        if country == "CN" and die.random() < 0.75:
            second, second_latin = _GIVEN[country, gender].pick(die)
            native, latin = native + second, latin + second_latin
        latin = latin.capitalize()
        if latin[0] == initial:
            break
    return native, latin


def plain_latin(text: str) -> str:
    """German letters as they are typed on a foreign keyboard."""
    return text.translate(_UMLAUTS)


def pick_street(die: random.Random, country: str) -> str:
    """A street line with a house number in the country's order."""
    if country == "CN":
        return f"{die.choice(CN_STREETS)}{die.randint(1, 1999)}号{die.randint(1, 30)}室"
    if country == "DE":
        return f"{die.choice(DE_STREETS)} {die.randint(1, 180)}"
    return f"{die.choice(JP_STREETS)}{die.randint(1, 8)}-{die.randint(1, 30)}-{die.randint(1, 20)}"
