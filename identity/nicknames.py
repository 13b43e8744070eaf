"""Short forms of given names.

Here: one line a name, its short forms behind it. Not here: comparing names (`names`). Two names agree when one line
holds both, so a short form of several names stands in several lines.
"""

from __future__ import annotations

_LINES = """
abigail abby gail
albert al bert bertie
alexander alex alec sandy sascha xander lex
alexandra alex alexa sandra sandy sascha lexi
alfred alf alfie fred freddy
amanda mandy
andreas andi andy
andrew andy drew
angela angie
anna anne annie ann anni nan nancy
anthony tony
antonia toni
barbara barb barbie babs babsi
benjamin ben benny benji
bernard bernie bern
bernhard bernd berni
brigitte gitte gitti
carolina caro lina
catherine cathy cat kate katie kitty kay
charles charlie chuck chaz
charlotte charly lotte lottie charlie
christian chris
christina chris tina christa chrissy
christine chris tina christel chrissy
christopher chris kit topher
claudia claudi
cynthia cindy
daniel dan danny dani
daniela dani
david dave davy
deborah deb debbie debby
dominik nik domi
donald don donny
dorothy dot dottie dolly
edward ed eddie ted teddy ned
eleanor ellie nell nora
elisabeth lisa elli lisbeth lilli else elsbeth sisi betty
elizabeth liz lizzie beth betty eliza lisa libby betsy
emily em emmy
eugene gene
florian flo
frances fran frankie
franziska franzi
francis frank
frederick fred freddy rick
friedrich fritz fred
gabriel gabe
gabriele gabi gaby
georg schorsch
george georgie
gerald gerry jerry
gerhard gerd
gertrude trudy gertie
gregory greg
guenther guenni
hans hansi
heinrich heinz heiner
helene leni lena
henry hank harry hal
isabel isa bella
jacob jake jacky
jacqueline jackie
james jim jimmy jamie
janet jan
jennifer jen jenny jenn
jessica jess jessie
joachim jochen achim
johann hans hannes jo
johanna hanna hannah jo
johannes hans hannes jo
john jack johnny jon
jonathan jon jonny nathan
joseph joe joey jo
josephine jo josie
judith judy
juergen juergi
karl kalle
katharina kathi kati katja kathrin trina
katherine kate kathy katie kat kitty
kenneth ken kenny
kimberly kim
klaus klausi
konrad conny
lawrence larry
leonard leo len lenny
lukas luki
magdalena lena magda leni
margaret maggie meg peg peggy marge greta
margarete grete greta gretel margit rita
maria mia mimi mitzi
martin marty
martina tina
matthew matt matty
matthias matze hias
maximilian max maxi
melanie mel melli
melissa mel missy lissa
michael mike mick mickey mikey michi micha
michaela michi micha
michelle shelly micky
monika moni
nathaniel nat nate nathan
nicholas nick nicky nic
nicole nicki niki nic
nikolaus nik niko klaus
oliver ollie olli
pamela pam
patricia pat patty tricia trish
patrick pat paddy rick
paul pauli
peter pete peti
petra peti
philip phil pip
philipp phil
raymond ray
rebecca becky becca
richard rich rick ricky dick
robert rob robbie bob bobby bert robin
roland roli
ronald ron ronnie
rosemarie rosi rosie
rudolf rudi rolf
russell russ
samantha sam sammy
samuel sam sammy
sarah sally sadie
sebastian basti seb wastl
sigrid siggi
siegfried siggi sigi
sophie sophia sofie sofia sophy
stefan steffen
stefanie steffi
stephanie steph steffi
stephen steve stevie steph
steven steve stevie
susan sue susie suzy
susanne susi sanne susanna
terence terry
theodore ted teddy theo
theresa terry tess tessa resi
thomas tom tommy
timothy tim timmy
tobias tobi
ulrich uli
ulrike uli ulli rike
ursula uschi ulla ursel
valentina tina vali
veronika vroni vera
victoria vicky vic tori
vincent vince vinny
virginia ginny
walter walt wally
wilhelm willi willy helm
william will bill billy willy liam
wolfgang wolf wolfi
zachary zach zack
"""


def _by_name() -> dict[str, frozenset[int]]:
    lines_of: dict[str, set[int]] = {}
    for number, line in enumerate(_LINES.split("\n")):
        for name in line.split():
            lines_of.setdefault(name, set()).add(number)
    return {name: frozenset(lines) for name, lines in lines_of.items()}


_NAMES = _by_name()


def are_nicknames(one: str, other: str) -> bool:
    """Whether two given names, in plain lower-case letters, are forms of one name."""
    return not _NAMES.get(one, frozenset()).isdisjoint(_NAMES.get(other, frozenset()))


def short_forms(name: str) -> list[int]:
    """The lines that hold a name, ascending; names that share one are forms of one name."""
    return sorted(_NAMES.get(name, frozenset()))
