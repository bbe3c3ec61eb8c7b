from django.apps import AppConfig, apps


class BillingConfig(AppConfig):
    name = "billing"
    verbose_name = "Stripe"

    def ready(self) -> None:
        from billing.account import invoiced_on, invoices_due
        from billing.console.stages import STAGES
        from billing.desk import causes, evidence, forgetting, held_up, overview, standing, strangers, support, tracing
        from billing.insight.products import figures_of
        from billing.refreshing.charged import settle_where_let_in
        from billing.refreshing.giving_back import follow_stripe
        from billing.rules.notes import notes_on
        from billing.rules.why import reasons_of
        from hub.seller import Seller, register

        apps.get_app_config("djstripe").verbose_name = "Stripe’s mirror"
        register(
            Seller(
                reasons_of=reasons_of,
                follow=follow_stripe,
                let_in=settle_where_let_in,
                payments=support.payments,
                payers=standing.payers,
                bills=standing.bills,
                charged_for_nothing=standing.charged,
                notes=notes_on,
                invoices_due=invoices_due,
                invoiced_on=invoiced_on,
                find_people=tracing.find_people,
                lead_of=tracing.lead_of,
                tell_of=strangers.tell_of,
                tell_of_delay=held_up.tell_of_delay,
                ask_again=support.look_again_at,
                facts=standing.facts,
                stages=STAGES,
                steps=overview.steps,
                matters=overview.matters,
                count_waiting=evidence.count_all,
                figures_of=figures_of,
                pages_of=causes.pages_of,
                told=forgetting.TOLD,
                forget=forgetting.forget,
            )
        )
