"""The calendars an asset may name. A test holds the list equal to exchange_calendars' own.

It is written down because asking the library imports pandas, which reading a file should not.
"""

CONTINUOUS = "24/7"
WEEKDAYS = "weekdays"

EXCHANGES = frozenset(
    """
    24/5 AIXK ARCX ASEX ASX BATS BMF BSE BVB BVMF CBOT CFE CME CMES COMEX FWB HKEX ICE ICEUS
    IEPA JKT JPX LSE LUXSE NASDAQ NYFE NYMEX NYSE OOTC OSE SIX SSE TASE TSX XAMS XASE XASX
    XBDA XBEL XBKK XBOG XBOM XBRA XBRU XBSE XBUD XBUE XCBF XCSE XCYS XDUB XDUS XEEE XETR
    XEUR XFRA XHAM XHEL XHKG XICE XIDX XIST XJSE XKAR XKLS XKRX XLIM XLIS XLIT XLJU XLON
    XLUX XMAD XMEX XMIL XMOS XNAS XNYS XNZE XOSL XPAR XPHS XPRA XRIS XSAU XSES XSGO XSHG
    XSTO XSTU XSWX XTAE XTAI XTAL XTKS XTSE XTSX XWAR XWBO XZAG us_futures
    """.split()  # noqa: SIM905 (a hundred quoted names would be harder to compare)
)

CALENDAR_NAMES = frozenset({CONTINUOUS, WEEKDAYS}) | EXCHANGES
