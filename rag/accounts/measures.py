"""What can be asked of statements of account: their lines, and what is calculated from them.

Formulas are the ones in common use (Palepu, Healy: Business Analysis and Valuation, chapter 5);
where several are, the one that FinanceBench states in its questions is taken. In English only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from rag.accounts.statements import Item, Section, Statement

_SPENDING = "(?:purchases?|additions?|acquisitions?|payments?|expenditures?|cash paid)"
_INCOME, _BALANCE, _CASH = Statement.INCOME, Statement.BALANCE, Statement.CASH_FLOW


class Unit(Enum):
    """What a measure is counted in."""

    MONEY = "money"
    MONEY_PER_SHARE = "money per share"
    PERCENT = "percent"
    TIMES = "times"
    DAYS = "days"


class Accounts(Protocol):
    """The figures that a formula may use; raises LookupError for what the statements lack."""

    def at(self, item: Item) -> float:
        """An item in the year that is asked about, with its scale applied."""
        ...

    def before(self, item: Item) -> float:
        """The same a year earlier."""
        ...


Formula = Callable[[Accounts], float]


@dataclass(frozen=True, slots=True)
class Measure:
    """Something that has a value for each year.

    asked: what questions call it, as a regular expression in lower case. formula: from items.
    words: the formula, where it is more than an item. falls_when_better: costs, days, taxes.
    """

    name: str
    asked: str
    unit: Unit
    formula: Formula
    words: str = ""
    falls_when_better: bool = False


REVENUE = Item(
    "revenue",
    _INCOME,
    (
        r"total (?:net )?(?:revenues?|sales)(?:,? net)?(?: of interest expense)?"
        r"(?: and other income)?",
        r"(?:net )?(?:operating )?(?:revenues?|sales)(?:,? net)?",
        r"(?:total )?net (?:sales|revenues?) and .*revenues?",
        r"(?:sales|revenues?) (?:and other (?:operating )?(?:income|revenues?)|to customers)",
        r"total (?:operating )?revenues?.*",
    ),
)
COST_OF_SALES = Item(
    "cost of sales",
    _INCOME,
    (
        r"total (?:cost|costs) of (?:goods|products?|sales|revenues?|services).*",
        r"costs? of (?:goods|products?|merchandise|sales|revenues?|services)"
        r"(?!.*(?:depreciation|amorti[sz]ation))[^-]*",
        r"costs? of (?:goods|products?|merchandise|sales|revenues?|services).*",
    ),
    is_outflow=True,
)
GROSS_PROFIT = Item("gross profit", _INCOME, (r"(?:total )?gross (?:profit|margin)",))
SGA = Item(
    "selling, general and administrative expenses",
    _INCOME,
    (
        r"selling,? (?:marketing,? )?general,? (?:and|&) administrative.*",
        r"selling,? informational.*",
    ),
    is_outflow=True,
)
RESEARCH = Item(
    "research and development expenses",
    _INCOME,
    (r"research(?:,|and| )+development.*",),
    is_outflow=True,
)
OPERATING_INCOME = Item(
    "operating income",
    _INCOME,
    (
        r"(?:total )?operating (?:income|profit|earnings|loss)(?: or loss)?",
        r"(?:income|earnings|profit|loss) from (?:continuing )?operations",
        r"operating (?:income|profit|earnings|loss).*",
    ),
)
INTEREST_EXPENSE = Item(
    "interest expense",
    _INCOME,
    (r"interest expense(?:,? net)?", r"interest (?:and debt|expense|expenses).*"),
    is_outflow=True,
)
PRETAX_INCOME = Item(
    "income before taxes",
    _INCOME,
    (
        r"(?:net )?(?:income|earnings|profit|loss).* before .*tax.*",
        r"pre-?tax (?:income|earnings|profit)",
    ),
)
INCOME_TAX = Item(
    "income tax expense",
    _INCOME,
    (
        r"(?:(?:total )?(?:provision|benefit|expense) for )?(?:income )?tax(?:es)?"
        r"(?: expense| provision)?",
        r"(?:provision|benefit) .*taxes",
        r"(?:income )?tax(?:es)? (?:expense|provision|benefit).*",
    ),
)
NET_INCOME = Item(
    "net income",
    _INCOME,
    (
        r"net (?:income|earnings|loss|profit) attributable to "
        r"(?!.*non-?controlling)(?!.*per share).*",
        r"net (?:income|earnings|loss|profit)",
        r"net (?:income|earnings|loss|profit) including .*",
        r"(?:consolidated )?net (?:income|earnings|loss|profit)"
        r"(?!.*(?:per|non-?controlling|operations)).*",
        r"(?:profit|loss|earnings)\b.* for the (?:financial )?(?:year|period)",
    ),
)
DILUTED_EPS = Item(
    "diluted earnings per share",
    _INCOME,
    (
        r"(?:net )?(?:income|earnings|loss)?.*diluted.*(?:earnings|income|loss)?.*per .*share.*",
        r"diluted",
    ),
)
OPERATING_CASH = Item(
    "cash from operating activities",
    _CASH,
    (r".*cash (?:flows? )?(?:provided|from|generated|used).*operat(?:ing activities|ions).*",),
)
INVESTING_CASH = Item(
    "cash from investing activities",
    _CASH,
    (r".*cash (?:flows? )?(?:provided|from|generated|used).*investing activities.*",),
)
FINANCING_CASH = Item(
    "cash from financing activities",
    _CASH,
    (r".*cash (?:flows? )?(?:provided|from|generated|used).*financing activities.*",),
)
ACTIVITIES = (OPERATING_CASH, INVESTING_CASH, FINANCING_CASH)
CAPEX = Item(
    "capital expenditures",
    _CASH,
    (
        r"capital (?:expenditures?|spending).*",
        rf"{_SPENDING}\b.*\b(?:property|plant)\b.*",
        rf"{_SPENDING}\b.*\b(?:equipment|capital expenditures?)\b.*",
        r"property(?:, plant)?,? and equipment",
    ),
    is_outflow=True,
)
DEPRECIATION = Item(
    "depreciation and amortization",
    _CASH,
    (
        r"(?:total )?depreciation(?:,? depletion)?,? (?:and|&) amorti[sz]ation.*",
        r"(?:total )?depreciation,? amorti[sz]ation.*",
        r"amorti[sz]ation and depreciation.*",
        r"depreciation(?: expense)?",
    ),
)
DIVIDENDS = Item(
    "dividends paid",
    _CASH,
    (
        r"(?:payments? of |cash )?(?:cash )?dividends?\b(?!.*received).*",
        r".*payments? .*dividends?.*",
    ),
    is_outflow=True,
)
REPURCHASES = Item(
    "share repurchases",
    _CASH,
    (
        r".*(?:repurchases?|purchases?|buybacks?) of (?:.*)(?:stock|shares).*",
        r"(?:common |treasury )?(?:stock|share)s? (?:repurchase[sd]?|purchases?|acquired).*",
    ),
    is_outflow=True,
)
CASH_HELD = Item(
    "cash and cash equivalents",
    _BALANCE,
    (
        r"total cash and (?:cash )?equivalents",
        r"cash(?:,)? (?:and|&) (?:cash )?equivalents.*",
        r"cash",
    ),
)
RECEIVABLES = Item(
    "accounts receivable",
    _BALANCE,
    (
        r"(?:total )?(?:trade |accounts? |trade and other |net |customer )*receivables?.*",
        r"accounts and (?:notes|other|trade) receivables?.*",
        r"receivables.*",
    ),
)
INVENTORIES = Item(
    "inventories",
    _BALANCE,
    (
        r"total (?:merchandise )?inventor(?:y|ies)",
        r"(?:merchandise )?inventor(?:y|ies)(?:,? net|,.*|-.*| at .*)?",
    ),
    parts=r"raw materials.*|work[ -]in[ -]p.*|finished (?:goods|products).*|.*supplies.*",
)
CURRENT_ASSETS = Item("current assets", _BALANCE, (r"(?:total )?current assets",))
TOTAL_ASSETS = Item("total assets", _BALANCE, (r"total assets",))
FIXED_ASSETS = Item(
    "property, plant and equipment, net",
    _BALANCE,
    (
        r"(?:total )?(?:property|premises).*(?:\bnet\b|less accumulated).*",
        r"(?:total )?net property.*",
        r"(?:total )?(?:property(?:, plant)?,? (?:and|&) equipment|premises and equipment)",
    ),
)
GOODWILL = Item("goodwill", _BALANCE, (r"goodwill(?:,? net)?",))
CURRENT_LIABILITIES = Item("current liabilities", _BALANCE, (r"(?:total )?current liabilities",))
PAYABLES = Item(
    "accounts payable",
    _BALANCE,
    (
        r"(?:total )?(?:trade |accounts? |trade and other )+payables?",
        r"(?:trade |accounts? )+payables?.*",
    ),
)
LONG_TERM_DEBT = Item(
    "long-term debt",
    _BALANCE,
    (r"(?:total )?long-term (?:debt|borrowings)(?!.*current maturities due).*",),
)
TOTAL_LIABILITIES = Item("total liabilities", _BALANCE, (r"total liabilities",))
EQUITY = Item(
    "shareholders' equity",
    _BALANCE,
    (
        r"total (?:.* )?(?:share|stock)(?:holders?|owners?)'?s?'? (?:equity|investment|deficit).*",
        r"(?:total )?equity",
    ),
)
RETAINED_EARNINGS = Item(
    "retained earnings", _BALANCE, (r"retained earnings.*", r".*accumulated deficit.*")
)
ASSETS = Section("assets", _BALANCE, r"(?:current )?assets", r"total assets")
LIABILITIES = Section(
    "liabilities",
    _BALANCE,
    r"(?:current )?liabilities(?: and .*)?",
    r"total liabilities(?: and .*)?|.*(?:share|stock)holders?.*(?:equity|deficit)|equity",
)


def _line(item: Item, asked: str, unit: Unit = Unit.MONEY) -> Measure:
    return Measure(item.name, asked, unit, lambda accounts: accounts.at(item))


def _mean(accounts: Accounts, item: Item) -> float:
    return (accounts.at(item) + accounts.before(item)) / 2.0


def _gross_profit(accounts: Accounts) -> float:
    try:
        return accounts.at(GROSS_PROFIT)
    except LookupError:
        return accounts.at(REVENUE) - accounts.at(COST_OF_SALES)


def _income_tax(accounts: Accounts) -> float:
    """Above 0 for an expense, however a statement puts its costs: in brackets or not."""
    tax = abs(accounts.at(INCOME_TAX))
    return tax if accounts.at(NET_INCOME) <= accounts.at(PRETAX_INCOME) else -tax


def _ebitda(accounts: Accounts) -> float:
    return accounts.at(OPERATING_INCOME) + accounts.at(DEPRECIATION)


def _free_cash_flow(accounts: Accounts) -> float:
    return accounts.at(OPERATING_CASH) - accounts.at(CAPEX)


def _days_payable(accounts: Accounts) -> float:
    bought = accounts.at(COST_OF_SALES) + accounts.at(INVENTORIES) - accounts.before(INVENTORIES)
    return 365.0 * _mean(accounts, PAYABLES) / bought


def _days_inventory(accounts: Accounts) -> float:
    return 365.0 * _mean(accounts, INVENTORIES) / accounts.at(COST_OF_SALES)


def _days_sales(accounts: Accounts) -> float:
    return 365.0 * _mean(accounts, RECEIVABLES) / accounts.at(REVENUE)


def _share_of_revenue(item: Item) -> Formula:
    return lambda accounts: 100.0 * accounts.at(item) / accounts.at(REVENUE)


_OF_REVENUE = (
    r"(?: expenses?| costs?)?,? (?:as a )?(?:%|percent(?:age)?|share|to|/)(?: of)? ?"
    r"(?:total |net ){0,3}(?:revenues?|sales|margin)"
)
_NAMES: dict[str, Item] = {
    r"d&a|depreciation (?:and|&) amorti[sz]ation(?: expense)?": DEPRECIATION,
    r"cap(?:ital)?[ -]?ex(?:penditures?)?": CAPEX,
    r"cogs|costs? of (?:goods sold|sales|revenues?)": COST_OF_SALES,
    r"sg&a|selling, general,? (?:and|&) administrative": SGA,
    r"r&d|research (?:and|&) development": RESEARCH,
}
_EBITDA = r"(?:unadjusted )?ebitda"
# Longer names first: "operating margin" is no "margin".
MEASURES: tuple[Measure, ...] = (
    Measure(
        "cash conversion cycle", r"cash conversion cycle", Unit.DAYS,
        lambda a: _days_inventory(a) + _days_sales(a) - _days_payable(a),
        "days inventory plus days sales outstanding minus days payable", falls_when_better=True,
    ),
    Measure(
        "days payable outstanding", r"days payables? outstanding|dpo", Unit.DAYS, _days_payable,
        "365 times average accounts payable, divided by cost of sales plus the change in "
        "inventories",
        falls_when_better=True,
    ),
    Measure(
        "days inventory outstanding", r"days inventory outstanding|dio", Unit.DAYS, _days_inventory,
        "365 times average inventories, divided by cost of sales", falls_when_better=True,
    ),
    Measure(
        "days sales outstanding", r"days sales outstanding|dso", Unit.DAYS, _days_sales,
        "365 times average accounts receivable, divided by revenue", falls_when_better=True,
    ),
    Measure(
        "fixed asset turnover", r"fixed[ -]assets? turnover(?: ratio)?", Unit.TIMES,
        lambda a: a.at(REVENUE) / _mean(a, FIXED_ASSETS),
        "revenue divided by average property, plant and equipment",
    ),
    Measure(
        "asset turnover", r"(?:total )?assets? turnover(?: ratio)?", Unit.TIMES,
        lambda a: a.at(REVENUE) / _mean(a, TOTAL_ASSETS), "revenue divided by average total assets",
    ),
    Measure(
        "inventory turnover", r"inventory turnover(?: ratio)?", Unit.TIMES,
        lambda a: a.at(COST_OF_SALES) / _mean(a, INVENTORIES),
        "cost of sales divided by average inventories",
    ),
    Measure(
        "return on assets", r"return on (?:total )?assets|roa", Unit.PERCENT,
        lambda a: 100.0 * a.at(NET_INCOME) / _mean(a, TOTAL_ASSETS),
        "net income divided by average total assets",
    ),
    Measure(
        "return on equity", r"return on (?:(?:share|stock)holders'? )?equity|roe", Unit.PERCENT,
        lambda a: 100.0 * a.at(NET_INCOME) / _mean(a, EQUITY),
        "net income divided by average equity",
    ),
    Measure(
        "retention ratio", r"(?:dividend |earnings )?retention ratio", Unit.PERCENT,
        lambda a: 100.0 * (1.0 - a.at(DIVIDENDS) / a.at(NET_INCOME)),
        "one minus dividends paid divided by net income",
    ),
    Measure(
        "dividend payout ratio", r"(?:dividend )?payout ratio", Unit.PERCENT,
        lambda a: 100.0 * a.at(DIVIDENDS) / a.at(NET_INCOME),
        "dividends paid divided by net income",
    ),
    Measure(
        "quick ratio", r"quick ratio|acid[ -]test(?: ratio)?", Unit.TIMES,
        lambda a: (a.at(CURRENT_ASSETS) - a.at(INVENTORIES)) / a.at(CURRENT_LIABILITIES),
        "current assets without inventories, divided by current liabilities",
    ),
    Measure(
        "working capital ratio", r"working capital ratio|current ratio", Unit.TIMES,
        lambda a: a.at(CURRENT_ASSETS) / a.at(CURRENT_LIABILITIES),
        "current assets divided by current liabilities",
    ),
    Measure(
        "net working capital", r"(?:net )?working capital", Unit.MONEY,
        lambda a: a.at(CURRENT_ASSETS) - a.at(CURRENT_LIABILITIES),
        "current assets minus current liabilities",
    ),
    Measure(
        "interest coverage", r"interest coverage(?: ratio)?", Unit.TIMES,
        lambda a: a.at(OPERATING_INCOME) / a.at(INTEREST_EXPENSE),
        "operating income divided by interest expense",
    ),
    Measure(
        "effective tax rate", r"(?:effective )?(?:income )?tax rate", Unit.PERCENT,
        lambda a: 100.0 * _income_tax(a) / a.at(PRETAX_INCOME),
        "income tax divided by income before taxes", falls_when_better=True,
    ),
    Measure(
        "gross margin", r"gross (?:profit )?margins?(?: profile| %| percentage)?", Unit.PERCENT,
        lambda a: 100.0 * _gross_profit(a) / a.at(REVENUE), "gross profit divided by revenue",
    ),
    Measure(
        "operating margin", r"operating (?:income |profit )?%? ?margins?(?: %)?", Unit.PERCENT,
        _share_of_revenue(OPERATING_INCOME), "operating income divided by revenue",
    ),
    Measure(
        "net profit margin", r"net (?:profit |income )?%? ?margins?(?: %)?", Unit.PERCENT,
        _share_of_revenue(NET_INCOME), "net income divided by revenue",
    ),
    Measure(
        "EBITDA margin", rf"{_EBITDA} (?:% )?margins?", Unit.PERCENT,
        lambda a: 100.0 * _ebitda(a) / a.at(REVENUE),
        "operating income plus depreciation and amortization, divided by revenue",
    ),
    *(
        Measure(
            f"{item.name} as a share of revenue",
            rf"(?:{asked}) ?(?:\([^)]*\))?(?:{_OF_REVENUE}| % margins?| margins?)",
            Unit.PERCENT,
            _share_of_revenue(item),
            f"{item.name} divided by revenue",
            falls_when_better=True,
        )
        for asked, item in _NAMES.items()
    ),
    # Whether that is much is for the reader to say.
    Measure(
        "capital expenditures as a share of revenue",
        r"capital[ -]intens(?:ive|ity)",
        Unit.PERCENT,
        _share_of_revenue(CAPEX),
        "capital expenditures divided by revenue",
        falls_when_better=True,
    ),
    Measure(
        "EBITDA less capital expenditures",
        rf"{_EBITDA} (?:less|minus) cap(?:ital )?ex(?:penditures?)?", Unit.MONEY,
        lambda a: _ebitda(a) - a.at(CAPEX),
        "operating income plus depreciation and amortization minus capital expenditures",
    ),
    Measure(
        "EBITDA", _EBITDA, Unit.MONEY, _ebitda,
        "operating income plus depreciation and amortization",
    ),
    Measure(
        "free cash flow", r"free cash ?flows?|fcf", Unit.MONEY, _free_cash_flow,
        "cash from operating activities minus capital expenditures",
    ),
    Measure("gross profit", r"gross profits?", Unit.MONEY, _gross_profit),
    *(_line(item, asked) for asked, item in _NAMES.items()),
    _line(REVENUE, r"(?:total |net ){0,3}(?:revenues?|sales)"),
    _line(OPERATING_INCOME, r"(?:unadjusted )?(?:operating (?:income|profit|earnings)|ebit)"),
    _line(INTEREST_EXPENSE, r"interest expenses?"),
    _line(
        PRETAX_INCOME, r"pre-?tax (?:income|profit)|(?:income|profit) before (?:income )?taxe?s?"
    ),
    Measure(
        INCOME_TAX.name, r"income tax(?:es)?(?: expense| provision)?", Unit.MONEY, _income_tax
    ),
    _line(NET_INCOME, r"net (?:income|earnings|profit|loss)|profit (?:for the year|after tax)"),
    _line(DILUTED_EPS, r"diluted (?:eps|earnings per share)", Unit.MONEY_PER_SHARE),
    _line(
        OPERATING_CASH,
        r"(?:net )?(?:operating cash ?flows?|cash (?:flows? )?from operat(?:ing activities|ions))",
    ),
    _line(DIVIDENDS, r"(?:cash )?dividends?(?: paid| payments?)?"),
    _line(REPURCHASES, r"(?:share|stock) (?:repurchases?|buybacks?)"),
    _line(CASH_HELD, r"cash (?:and|&) (?:cash )?equivalents"),
    _line(RECEIVABLES, r"(?:net )?(?:accounts? receivables?|ar|trade receivables?|receivables?)"),
    _line(INVENTORIES, r"(?:merchandise )?inventor(?:y|ies)"),
    _line(CURRENT_ASSETS, r"(?:total )?current assets"),
    _line(TOTAL_ASSETS, r"total assets"),
    _line(
        FIXED_ASSETS,
        r"(?:net )?(?:pp ?&? ?n? ?e|property,? plant,? (?:and|&) equipment)|net fixed assets",
    ),
    _line(GOODWILL, r"goodwill"),
    _line(CURRENT_LIABILITIES, r"(?:total )?current liabilities"),
    _line(PAYABLES, r"(?:accounts? |trade )payables?"),
    _line(LONG_TERM_DEBT, r"long[ -]term debt"),
    _line(TOTAL_LIABILITIES, r"total liabilities"),
    _line(EQUITY, r"(?:total )?(?:share|stock)holders'? equity|total equity"),
    _line(RETAINED_EARNINGS, r"retained earnings"),
)  # fmt: skip
