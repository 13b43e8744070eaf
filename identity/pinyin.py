"""The pinyin of Chinese names.

Here: how a Chinese character is read and whether Latin letters are pinyin. Not here: comparing names (`names`).

The 3,755 commonest characters stand in GB 2312 in the order of their pinyin, so the first character of each syllable is
all that has to be known of them; characters of names beyond those are listed. Every character has its commonest reading
only, and traditional characters are read as their simplified forms. Ü is written u, as in most passports and mailboxes,
so lü and lu read the same.
"""

from __future__ import annotations

from bisect import bisect
from functools import cache

from identity.traditional import simplified

_FIRST_OF_SYLLABLE = """
a啊 ai埃 an鞍 ang肮 ao凹 ba芭 bai白 ban斑 bang邦 bao苞 bei杯 ben奔 beng崩 bi逼 bian鞭 biao标 bie鳖 bin彬 bing兵 bo玻
bu捕 ca擦 cai猜 can餐 cang苍 cao操 ce厕 ceng层 cha插 chai拆 chan搀 chang昌 chao超 che车 chen郴 cheng撑 chi吃 chong充
chou抽 chu初 chuai揣 chuan川 chuang疮 chui吹 chun春 chuo戳 ci疵 cong聪 cou凑 cu粗 cuan蹿 cui摧 cun村 cuo磋 da搭 dai呆
dan耽 dang当 dao刀 de德 deng蹬 di堤 dian颠 diao碉 die跌 ding丁 diu丢 dong东 dou兜 du督 duan端 dui堆 dun墩 duo掇 e蛾
en恩 er而 fa发 fan藩 fang坊 fei菲 fen芬 feng丰 fo佛 fou否 fu夫 ga噶 gai该 gan干 gang冈 gao篙 ge哥 gei给 gen根 geng耕
gong工 gou钩 gu辜 gua刮 guai乖 guan棺 guang光 gui瑰 gun辊 guo锅 ha哈 hai骸 han酣 hang夯 hao壕 he呵 hei嘿 hen痕 heng哼
hong轰 hou喉 hu呼 hua花 huai槐 huan欢 huang荒 hui灰 hun荤 huo豁 ji击 jia嘉 jian歼 jiang僵 jiao蕉 jie揭 jin巾 jing荆
jiong炯 jiu揪 ju鞠 juan捐 jue撅 jun均 ka喀 kai开 kan刊 kang康 kao考 ke坷 ken肯 keng坑 kong空 kou抠 ku枯 kua夸 kuai块
kuan宽 kuang匡 kui亏 kun坤 kuo括 la垃 lai莱 lan蓝 lang琅 lao捞 le勒 lei雷 leng棱 li厘 lia俩 lian联 liang粮 liao撩
lie列 lin琳 ling玲 liu溜 long龙 lou楼 lu芦 luan峦 lue掠 lun抡 luo萝 ma妈 mai埋 man瞒 mang芒 mao猫 me么 mei玫 men门
meng萌 mi眯 mian棉 miao苗 mie蔑 min民 ming明 miu谬 mo摸 mou谋 mu拇 na拿 nai氖 nan南 nang囊 nao挠 ne呢 nei馁 nen嫩
neng能 ni妮 nian蔫 niang娘 niao鸟 nie捏 nin您 ning柠 niu牛 nong脓 nu奴 nuan暖 nue虐 nuo挪 o哦 ou欧 pa啪 pai拍 pan攀
pang乓 pao抛 pei呸 pen喷 peng砰 pi坯 pian篇 piao飘 pie撇 pin拼 ping乒 po坡 pu扑 qi期 qia掐 qian牵 qiang枪 qiao橇 qie切
qin钦 qing青 qiong琼 qiu秋 qu趋 quan圈 que缺 qun裙 ran然 rang瓤 rao饶 re惹 ren壬 reng扔 ri日 rong戎 rou揉 ru茹 ruan软
rui蕊 run闰 ruo若 sa撒 sai腮 san三 sang桑 sao搔 se瑟 sen森 seng僧 sha莎 shai筛 shan珊 shang墒 shao梢 she奢 shen砷
sheng声 shi师 shou收 shu蔬 shua刷 shuai摔 shuan栓 shuang霜 shui谁 shun吮 shuo说 si斯 song松 sou搜 su苏 suan酸 sui虽
sun孙 suo蓑 ta塌 tai胎 tan坍 tang汤 tao掏 te特 teng藤 ti梯 tian天 tiao挑 tie贴 ting厅 tong通 tou偷 tu凸 tuan湍 tui推
tun吞 tuo拖 wa挖 wai歪 wan豌 wang汪 wei威 wen瘟 weng嗡 wo挝 wu巫 xi昔 xia瞎 xian掀 xiang相 xiao萧 xie楔 xin薪 xing星
xiong兄 xiu休 xu墟 xuan轩 xue靴 xun勋 ya压 yan焉 yang殃 yao邀 ye椰 yi一 yin茵 ying英 yo哟 yong拥 you幽 yu迂 yuan鸳
yue曰 yun耘 za匝 zai栽 zan咱 zang赃 zao遭 ze责 zei贼 zen怎 zeng增 zha扎 zhai摘 zhan瞻 zhang樟 zhao招 zhe遮 zhen珍
zheng蒸 zhi芝 zhong中 zhou舟 zhu珠 zhua抓 zhuai拽 zhuan专 zhuang桩 zhui椎 zhun谆 zhuo捉 zi兹 zong鬃 zou邹 zu租 zuan钻
zui嘴 zun尊 zuo昨
"""
# Names' characters outside the common ones, and surnames that are read otherwise than the character usually is.
_OTHERS = """
ai嫒瑷 bao葆 bei蓓孛 ben贲 cai偲 can璨粲 cen岑 chan婵 chang昶嫦 chao晁 chen琛宸谌 cheng晟 chong翀 chu褚 da妲 dai黛
duo铎 e婀 fei霏斐 feng沣 fu馥孚 ga伽 gang罡 gao郜 guan莞 han晗菡阚焓 hao昊灏濠皓颢 heng蘅 hong泓 hu琥 hua骅桦
huan洹嬛寰郇 hui晖荟麾 ji佶稷霁 jia迦 jiao姣 jie婕劼颉 jin瑾槿 jing璟婧菁靓憬 jiong炅 juan涓 jue珏矍 jun珺 kai铠锴恺
kan侃 kang伉 ke珂 kui夔 kun琨锟堃 lan岚 li郦俪藜鹂 lin麟 ling翎绫苓 lu璐逯 luan栾鸾 mao懋 mi宓 miao淼 min旻闵 ming茗
mo秣 nan楠 niu妞 peng芃 ping娉 pu璞 qi琪琦淇祺骐麒亓绮 qian芊茜骞 qing箐 qiu裘 ran苒 rao娆 rong镕榕嵘 rui睿芮 shan姗单
she佘 shen燊莘 sheng笙 shu澍姝纾 shuo铄 si姒 song嵩崧 su蘇愫 tan覃 tao韬 ti倜缇 tian湉 ting婷 tong佟仝 wai崴 wan琬
wei玮炜葳薇娓 wen雯 wu邬 xi玺曦禧郗僖浠熹 xia遐 xian娴冼 xiao潇骁筱 xin鑫昕馨 xu勖栩顼 xuan萱璇暄翾 xun浔 ya娅
yan妍焱嫣闫俨晏鄢 yao垚 ye晔烨 yi怡熠薏苡祎翊懿奕弈羿漪贻轶怿 yin胤 ying滢蓥瑛璎莺 you宥攸 yu瑜昱煜妤彧钰毓俣聿
yuan沅媛瑗塬 yue玥樾 yun芸昀赟筠韫 zan瓒 zhang璋 zhao钊 zhe喆 zhen祯桢蓁圳 zheng峥徵 zhu竺 zhuo倬 zi梓訾 tong彤
"""

_ENTRIES = [(entry[-1].encode("gb2312"), entry[:-1]) for entry in _FIRST_OF_SYLLABLE.split()]
_STARTS = [code for code, _ in _ENTRIES]
_END = "座".encode("gb2312")  # the last of the common characters
_SYLLABLES = frozenset(syllable for _, syllable in _ENTRIES)
_LISTED = {
    character: entry.rstrip(entry.lstrip("abcdefghijklmnopqrstuvwxyz"))
    for entry in _OTHERS.split()
    for character in entry.lstrip("abcdefghijklmnopqrstuvwxyz")
}


@cache
def _syllable(character: str) -> str | None:
    if character in _LISTED:
        return _LISTED[character]
    try:
        code = character.encode("gb2312")
    except UnicodeEncodeError:
        return None
    if not _STARTS[0] <= code <= _END:
        return None
    return _ENTRIES[bisect(_STARTS, code) - 1][1]


def pinyin_of(text: str) -> str | None:
    """The pinyin of Chinese characters in one piece; None when the reading of one is not known."""
    syllables = [_syllable(character) for character in simplified(text)]
    return None if None in syllables or not text else "".join(s for s in syllables if s)


@cache
def is_pinyin(letters: str) -> bool:
    """Whether lower-case letters, spaces aside, can be read as pinyin syllables."""
    text = letters.replace(" ", "").replace("v", "u")
    reachable = {0}
    for at in range(len(text)):
        if at in reachable:
            reachable |= {at + k for k in range(1, 7) if text[at : at + k] in _SYLLABLES}
    return len(text) > 0 and len(text) in reachable
