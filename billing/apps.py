from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "billing"
    verbose_name = "Stripe"

    def ready(self) -> None:
        from billing.account import invoiced_on, invoices_due
        from billing.console.stages import STAGES
        from billing.desk import causes, evidence, forgetting, overview, standing, strangers, support
        from billing.insight.products import figures_of
        from billing.refreshing.giving_back import follow_stripe
        from billing.rules import notes
        from billing.rules.why import reasons_of
        from hub import causes as causes_seen
        from hub import figures, invoiced, own_data, payments
        from hub.access import further_reasons
        from hub.erasing import erasers
        from hub.getting_in import further_facts
        from hub.grants import sellers
        from hub.overview import further_counts, further_matters, further_steps

        further_reasons.append(reasons_of)
        invoiced.sources.append(invoices_due)
        invoiced.daters.append(invoiced_on)
        sellers.append(follow_stripe)
        further_steps.append(overview.steps)
        further_matters.append(overview.matters)
        further_counts.append(evidence.count_all)
        figures.sources.append(figures_of)
        payments.sources.append(support.payments)
        payments.payers.append(standing.payers)
        payments.billers.append(standing.bills)
        further_facts.append(standing.facts)
        causes_seen.finders.append(causes.pages_of)
        erasers.append(forgetting.forget)
        own_data.sections["stripe_customers"] = forgetting.customers_told
        own_data.sections["subscriptions"] = forgetting.subscriptions_told
        own_data.sections["purchases"] = forgetting.orders_told
        own_data.sections["invoices"] = forgetting.invoices_told
        payments.finders.append(support.find_people)
        payments.askers.append(support.look_again_at)
        payments.tellers.append(strangers.tell_of)
        payments.noters.append(notes.notes_on)
        payments.stages.update(STAGES)
