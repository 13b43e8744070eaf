"""Given names out of what records state, and their agreement."""

from __future__ import annotations

import pytest

from identity.names import Name, agree, parse_name


@pytest.mark.parametrize(
    ("stated", "name"),
    [
        (("Anna", "Anna Müller", "Müller"), Name("latin", "anna", "muller")),
        ((None, "Anna Maria Groß", None), Name("latin", "anna maria", "gross")),
        ((None, "Müller, Jürgen", None), Name("latin", "jurgen", "muller")),
        ((None, "Dr. Anna Weber", None), Name("latin", "anna", "weber")),
        ((None, "ＡＮＮＡ　ＷＥＢＥＲ", None), Name("latin", "anna", "weber")),
        ((None, "彭芳静", None), Name("han", "芳静", "彭")),
        ((None, "欧阳静", None), Name("han", "静", "欧阳")),
        ((None, "芳静 彭", "彭"), Name("han", "芳静", "彭")),
        ((None, "芳静 彭", None), Name("han", "芳静", "彭")),
        ((None, "高橋 直樹", None), Name("han", "直樹", "高橋")),
        ((None, "佐藤真由美", None), Name("han", "真由美", "佐藤")),
        ((None, "王伟先生", None), Name("han", "伟", "王")),
        ((None, "Caller +8613812345670", None), None),
        ((None, "Müller", None), None),
        ((None, "王", None), None),
        ((None, "ann@shop.cn", None), None),
        ((" ", None, "Wang"), None),
        (("-", None, None), None),
        (("先生", None, "王"), None),
        (("伟先生", None, "王"), Name("han", "伟", "王")),
        ((None, "歐陽靜", None), Name("han", "靜", "歐陽")),
        ((None, "志明 陳", None), Name("han", "志明", "陳")),
        ((None, "An\u200bna\x00 We\u00adber", None), Name("latin", "anna", "weber")),
        ((None, "\ufeff王\u200b伟", None), Name("han", "伟", "王")),
    ],
)
def test_the_given_name_of_a_record(stated: tuple[str | None, ...], name: Name | None) -> None:
    assert parse_name(*stated) == name


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("Anna Weber", "Anna Schmidt", True),
        ("A. Weber", "Anna Weber", True),
        ("A. Weber", "Bert Weber", False),
        ("Jürgen Koch", "Juergen Koch", True),
        ("Bill Gray", "William Gray", True),
        ("Bill Gray", "Billy Gray", True),
        ("Jana Beck", "Jane Beck", True),
        ("Jan Beck", "Jana Beck", False),
        ("Jens Beck", "Jana Beck", False),
        ("Anna Maria Weber", "Anna Weber", True),
        ("Wei Wang", "Wang Wei", True),
        ("王伟", "汪伟", True),
        ("王伟", "王卫", True),
        ("李静文", "李静雯", True),
        ("李静文", "李静美", False),
        ("健一 山崎", "山崎 健一", True),
        ("山崎 健一", "山崎 建一", True),
        ("Petra Beck", "Perta Beck", True),
        ("Petra Beck", "Pert Beck", False),
        ("Anna Beck", "Ana Beck", False),
        ("芳静 彭", "彭芳静", True),
        ("彭芳静", "Fangjing Peng", True),
        ("彭芳静", "Peng Fangjing", True),
        ("彭芳静", "F. Peng", True),
        ("吕静", "Jing Lü", True),
        ("彭芳静", "Wenbo Peng", False),
        ("陳志偉", "陈志伟", True),
        ("陳志偉", "Zhiwei Chen", True),
        ("歐陽靜", "欧阳静", True),
        ("劉麗華", "刘建国", False),
        ("劉麗華", "Jianguo Liu", False),
        ("高橋 直樹", "Naoki Takahashi", None),
        ("林 彩", "Aya Hayashi", None),
        ("Иван Петров", "Ivan Petrov", None),
        ("Иван Петров", "Иван Сидоров", True),
        ("Иван Петров", "Пётр Петров", False),
    ],
)
def test_agreement(one: str, other: str, expected: bool | None) -> None:
    first, second = parse_name(None, one, None), parse_name(None, other, None)
    assert first is not None
    assert second is not None
    assert agree(first, second) is expected
    assert agree(second, first) is expected
