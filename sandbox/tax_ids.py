"""Customers' tax ids: what is accepted, and where else they show."""

import re
from typing import Final

from sandbox.account import Account
from sandbox.countries import TAX_IDS
from sandbox.errors import InvalidRequest
from sandbox.types import Obj

NAMED: Final = """
ad_nrt ae_trn al_tin am_tin ao_tin ar_cuit au_abn au_arn aw_tin az_tin ba_tin bb_tin bd_bin bf_ifu bg_uic
bh_vat bj_ifu bo_tin br_cnpj br_cpf bs_tin by_tin ca_bn ca_gst_hst ca_pst_bc ca_pst_mb ca_pst_sk ca_qst
cd_nif ch_uid ch_vat cl_tin cm_niu cn_tin co_nit cr_tin cv_nif de_stn do_rcn ec_ruc eg_tin es_cif et_tin
eu_oss_vat eu_vat fo_vat gb_vat ge_vat gi_tin gn_nif hk_br hr_oib hu_tin ic_nif id_npwp il_vat in_gst
is_vat it_cf jp_cn jp_rn jp_trn ke_pin kg_tin kh_tin kr_brn kz_bin la_tin li_uid li_vat lk_vat ma_vat
md_vat me_pib mk_vat mr_nif mx_rfc my_frp my_itn my_sst ng_tin no_vat no_voec np_pan nz_gst om_vat pe_ruc
ph_tin pl_nip py_ruc ro_tin rs_pib ru_inn ru_kpp sa_vat sg_gst sg_uen si_tin sn_ninea sr_fin sv_nit th_vat
tj_tin tr_tin tw_vat tz_vat ua_vat ug_tin us_ein uy_ruc uz_tin uz_vat ve_rif vn_tin za_vat zm_tin zw_tin
"""
KINDS: Final = tuple(NAMED.split())
# Stripe asks the authorities about these; nobody answers here.
VERIFIED: Final = ("au_abn", "eu_vat", "gb_vat")


def add_tax_id(account: Account, customer: Obj, *, kind: str, value: str, param: str = "value") -> Obj:
    """Give a customer a tax id; drafts show it too. Raises InvalidRequest where the form of its kind is known."""
    check_form(kind, value, param=param)
    tax_id = account.add(
        {
            "id": account.ids.make("txi"),
            "object": "tax_id",
            "country": country_of(kind, value),
            "created": account.now(),
            "customer": customer["id"],
            "customer_account": None,
            "livemode": False,
            "owner": {"type": "customer", "customer": customer["id"], "customer_account": None},
            "type": kind,
            "value": value,
            "verification": {
                "status": "pending" if kind in VERIFIED else "unavailable",
                "verified_address": None,
                "verified_name": None,
            },
        },
        event="customer.tax_id.created",
    )
    show_on_drafts(account, customer)
    return tax_id


def remove_tax_id(account: Account, customer: Obj, tax_id: Obj) -> Obj:
    account.emit("customer.tax_id.deleted", tax_id)
    account.remove(tax_id)
    show_on_drafts(account, customer)
    return {"id": tax_id["id"], "object": "tax_id", "deleted": True}


def has_form(kind: str, value: str) -> bool:
    """Whether it can be a tax id of that kind, as far as the form of the kind is known."""
    return kind in KINDS and (kind not in TAX_IDS or bool(re.fullmatch(TAX_IDS[kind][1], value)))


def check_form(kind: str, value: str, *, param: str) -> None:
    if not has_form(kind, value):
        raise InvalidRequest(f"Invalid value for {kind}.", param=param)


def country_of(kind: str, value: str) -> str | None:
    """Two letters; those of Greece and Northern Ireland differ in its tax ids. None where the kind names none."""
    if kind == "eu_oss_vat":
        return None
    letters = value[:2].upper() if kind == "eu_vat" else kind[:2].upper()
    return {"EL": "GR", "XI": "GB", "IC": "ES"}.get(letters, letters)


def shown_on_invoices(account: Account, customer: Obj) -> list[Obj]:
    """The oldest first, as invoices show them."""
    rows = account.list("tax_id", customer=customer["id"])
    return [{"type": row["type"], "value": row["value"]} for row in reversed(rows)]


def show_on_drafts(account: Account, customer: Obj) -> None:
    """A draft has its customer's tax ids; finalised ones keep those that they were finalised with."""
    shown = shown_on_invoices(account, customer)
    for invoice in account.list("invoice", customer=customer["id"], status="draft"):
        account.change(invoice, event="invoice.updated", customer_tax_ids=shown)
