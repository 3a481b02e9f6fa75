"""The shapes Basware accepts in a request body: fields, types, lengths. An own reading of the wire (notes 5).

Belongs here: what a field may hold, and nothing else. Not here: how a body is checked (`schema`), which records
depend on which (`target_rules`).

One line per type, then the fields of it. `!` after a field = required, `?` after a type = null is allowed,
`a..b` = length of a text or range of a number, `[X]` = array of X, `text1-10` = text1 to text10.
`date` takes CCYY-MM-DD or RFC 3339; `int` is 32 bits wide.
"""

from collections.abc import Mapping

ENUMS: Mapping[str, str] = {
    "AddressType": "AdditionalAddress VisitingAddress RemittanceAddress DeliveryAddress PostalAddress "
    "RegistrationAddress",
    "AddressPart": "AdditionalField1 AdditionalField2 AdditionalStreetName BlockName BuildingName BuildingNumber "
    "CitySubDivisionName Country Department District Email Floor GlobalLocationNumber InhouseEmail MarkAttention "
    "MarkCare Region Room CoordinateSystemCode PlotIdentification LatitudeDegreesMeasure LatitudeDirectionCode "
    "LatitudeMinutesMeasure LongitudeDegreesMeasure LongitudeDirectionCode LongitudeMinutesMeasure",
    "ListContent": "Plant ProfitCenter BusinessUnit Project ProjectSub Employee Vehicle Customer "
    "AccAssignmentCategory Budget Service BusinessArea PartnerProfitCenter FixedAsset FixedAssetSubCode "
    "WorkOrderCode WorkOrderSubCode CommitmentItem ControllingArea FunctionalArea Network NetworkActivity Tax "
    "TaxJurisdiction Dimension1 Dimension2 Dimension3 Dimension4 Dimension5 Dimension6 Dimension7 Dimension8 "
    "Dimension9 Dimension10 InternalOrder SalesOrder SalesOrderSub",
}

SHAPES: Mapping[str, str] = {
    "VendorEntity": """
        text 1..36: externalCode!
        text 1..25: vendorCode!
        text?: vendorParent
        text ..36?: buvid sourceSystem
        text 1..250: name!
        text ..250?: description
        date: lastUpdated
        text ..128?: supplierAssignedAccountId
        bool?: eligibleForSourcing
        text ..100?: vendorClass
        [VendorIdentifierEntity]?: identifiers
        [VendorAddressEntity]?: addresses
        [VendorContactEntity]?: contacts
        VendorDeliveryTermEntity: deliveryTerm
        [VendorPaymentMeanEntity]?: paymentMeans
        VendorPaymentTermEntity: paymentTerms
        VendorOrderingDetailsEntity: orderingDetails
        VendorProcessingStatusEntity: processingStatus
        [VendorTagEntity]?: tags
        [VendorAdditionalFieldEntity]?: customFields
        [VendorCompanyEntity]: companies!
    """,
    "VendorIdentifierEntity": """
        text 1..36: id!
        text 1..32: schemeId!
        bool?: defaultPartyId
    """,
    "VendorAddressEntity": """
        text 1..36: externalCode!
        text 1..200: name!
        text ..200?: description addressLine1-3
        enum AddressType?: addressType
        text ..50?: cityName postalZone poBox streetName locality countrySubEntity
            countrySubEntityDescription
        text 2..2?: countryId
        bool?: default
        [VendorAddressPartEntity]?: additionalAddressFields
    """,
    "VendorAddressPartEntity": """
        enum AddressPart: key
        text ..200?: value
    """,
    "VendorContactEntity": """
        text 1..200: name!
        text ..200?: description email website
        text ..50?: telephone telefax
        enum AdditionalContact|PrimaryContact|SecondaryContact: role
    """,
    "VendorDeliveryTermEntity": """
        text 1..25: deliveryTermCode!
        text ..100?: deliveryLocation
        text ..200?: description
    """,
    "VendorPaymentMeanEntity": """
        text 1..25: paymentMeansCode!
        text ..200?: description
        text 3..3?: currencyCode
        [VendorfinancialAccountsEntity]?: financialAccounts
        bool?: default
    """,
    "VendorfinancialAccountsEntity": """
        FinancialInstitutionEntity: financialInstitution
        [FinancialAccountIdentifierEntity]?: financialAccountIdentifiers
    """,
    "FinancialInstitutionEntity": """
        text ..250: name!
        text 1..20: id!
        text 1..36: schemeId!
        text ..50?: branchId
        text ..36?: branchIdSchemeId
        text 2..2?: countryId
    """,
    "FinancialAccountIdentifierEntity": """
        text 1..36: schemeId!
        text ..200?: description accountHolderName accountAdditionalData1 accountAdditionalData2
        text ..50?: id linkedBbanOrIban
        text 3..3?: currencyCode
        bool?: default
    """,
    "VendorPaymentTermEntity": """
        text 1..25: paymentTermCode!
        text ..200?: description
    """,
    "VendorOrderingDetailsEntity": """
        enum UBL|EHFXML21|email|other|none|BaswareNetwork?: orderingFormat
        text ..10?: orderingMessageLanguage
        text ..25?: orderingLanguage
        text 3..320?: orderEmail
        text ..50?: orderProcessType
        num?: minimumOrderAllowed
        bool?: isTaxable automaticallyReceiveOnInvoice automaticallyReceiveOnOrder hasActiveCatalog
            createOrderAutomatically deliverOrderAutomatically noFreeformItems sendToNetwork
    """,
    "VendorProcessingStatusEntity": """
        bool?: active paymentDenied
    """,
    "VendorTagEntity": """
        text 1..50: name!
        text 1..250: value!
        text ..50?: tagGroup
    """,
    "VendorAdditionalFieldEntity": """
        text 1..25: name!
        text 1..250: value!
        text ..500?: groupName
    """,
    "VendorCompanyEntity": """
        text 1..32: companyCode!
        bool?: inheritToChildUnits
    """,
    "AccountEntity": """
        text 1..25: accountCode!
        [LanguageTranslationEntity]: accountNames!
        text ..25?: taxCode
        text ..250?: text1-5
        [AccountCompanyEntity]: companies!
        text 1..36: externalCode!
        date: lastUpdated
    """,
    "LanguageTranslationEntity": """
        text 2..2000: translation!
        text 2..10: language!
    """,
    "AccountCompanyEntity": """
        text 1..32: companyCode!
        bool: inherit! active!
    """,
    "CostCenterEntity": """
        text 1..25: costCenterCode!
        [LanguageTranslationEntity]: costCenterNames!
        text ..250?: text1-10
        date?: date1-5
        int?: int1-5
        [CostCenterCompanyEntity]: companies!
        text 1..36: externalCode!
        date: lastUpdated
    """,
    "CostCenterCompanyEntity": """
        text 1..32: companyCode!
        bool: active!
    """,
    "PaymentTermEntity": """
        text 1..25: paymentTermCode!
        [LanguageTranslationEntity]: paymentTermNames!
        int 0..?: sortOrder dueDateDays dueDateDays2 dueDateEom cashDueDateDays cashDueDateDays2
            cashDueDateEom
        enum 0|1|2?: moveDueDatesTo
        int 0..1?: dueDateCalc
        int 0..2?: cashDueDateCalc
        num 0..1e9?: cashDiscount
        date: validFrom! validTo! lastUpdated
        [PaymentTermCompanyEntity]: companies!
        [PaymentTermDiscountRule]?: paymentTermDiscountRules
        text 1..36: externalCode!
    """,
    "PaymentTermCompanyEntity": """
        text 1..32: companyCode!
        bool: inherit! active!
    """,
    "PaymentTermDiscountRule": """
        text 1..36: externalCode!
        int 0..?: discountDays
        num 0..1e9?: discountPercent
        bool: active!
    """,
    "TaxCodeEntity": """
        text 1..25: taxCode!
        [LanguageTranslationEntity]: taxCodeNames!
        text ..25?: taxGroup
        num -1e9..1e9: taxPercentage!
        num -1e9..1e9?: taxPercentage2
        [TaxCodeAdditionalData]?: additionalData
        [TaxCodeCompanyEntity]: companies!
        text 1..36: externalCode!
        date: lastUpdated
    """,
    "TaxCodeAdditionalData": """
        text ..32?: externalCode
        text ..25?: account statistical transactionType country condition
        num?: taxPercent
        bool?: active
    """,
    "TaxCodeCompanyEntity": """
        text 1..32: companyCode!
        bool: inherit! active!
    """,
    "GenericListEntity": """
        text 1..36: externalCode!
        text?: text_1-25
        num?: number_1-15
        date?: dateValue_1-15
        date: lastUpdated
        [GenericListCompanyEntity]?: companies
        enum ListContent?: listContent
    """,
    "GenericListCompanyEntity": """
        text 1..32: companyCode!
        bool: active!
    """,
    "OrderEntity": """
        text 1..36: externalCode! sourceSystem!
        text 1..100: orderNumber!
        text 1..25: companyCode! supplierCode!
        text ..250?: companyName organizationElementName purchaseOrganizationName supplierName
            invoicingSupplierName paymentTermName text1-10
        text 2..25: organizationElementCode!
        text ..25?: orderTypeCode purchaseOrganizationCode invoicingSupplierCode paymentTermCode
        text 2..3: currencyCode!
        date?: created requestedDeliveryDate actualDeliveryDate validFrom validTo date1-5
        bool?: isClosed isInvoiced isDelivered
        text ..1000?: description
        num?: numeric1-5
        date: lastUpdated
        text ..100?: orderReference
    """,
    "OrderLineEntity": """
        text 1..36: externalCode! orderExternalCode!
        text 1..100: lineNumber!
        int?: sortNumber
        num: quantity!
        num?: netSum grossSum netPrice grossPrice taxPercent2 taxSum taxSum2 invoicedQuantity
            invoicedNetSum invoicedGrossSum numeric1-5
        text 2..3?: currencyCode
        enum Standard|Blanket|Return|Service: matchingMode!
        bool?: isReceiptRequired isReceiptBasedMatching isOverreceivalAllowed isClosed isDeleted
            isSelfApproved
        text ..25?: uom priceUnit taxCode unspsc
        text ..250?: subUOM priceUnitDescription productCode productName materialGroup
            globalTradeItemNumber buyerProductCode text1-10
        num 0..1e9?: taxPercent
        date?: validFrom validTo requestedDeliveryDate actualDeliveryDate date1-5
        text ..255?: contractNumber
        text ..1000?: description comment
        [OrderLineCodingEntity]?: orderLineCoding
        [GoodsReceiptEntity]?: goodsReceipts
        [OrderLineUserEntity]?: referenceUsers
        date: lastUpdated
    """,
    "OrderLineCodingEntity": """
        text 1..36: externalCode!
        int 0..100000: rowIndex!
        num?: netTotal grossTotal conversionNumerator conversionDenominator conversionDeNumerator taxSum
            taxSum2 num1-5
        text ..50?: accountCode fixedAssetSubCode fixedAssetSubName internalOrderCode internalOrderName
            profitCenterCode profitCenterName businessUnitCode businessUnitName projectSubCode projectSubName
            employeeCode employeeName vehicleNumber vehicleName salesOrderCode salesOrderName
            salesOrderSubCode salesOrderSubName customerCode customerName accAssignmentCategoryCode
            accAssignmentCategoryName budgetCode budgetName serviceCode serviceName businessAreaCode
            businessAreaName taxJurisdictionCode subUOM workOrderCode workOrderName workOrderSubCode
            workOrderSubName commitmentItem controllingArea functionalArea
        text ..250?: accountName costCenterName projectName partnerProfitCenter fixedAssetCode
            fixedAssetName text1-5 network networkActivity
        text ..200?: costCenterCode
        text ..25?: projectCode taxCode
        num -1e9..1e9?: taxPercent taxPercent2
        text ..100?: materialGroup dimCode1-10 dimName1-10
        num: allocatedQuantity!
        date?: date1-5
    """,
    "GoodsReceiptEntity": """
        text 1..36: externalCode!
        text 1..100: goodsReceiptNumber!
        text ..25?: goodsReceiptLineNumber unitOfMeasure
        text ..36?: referenceGRExternalCode
        text ..250?: deliveryNoteNumber bestFitGrouping subUnitOfMeasure goodsReceiptNote
            productSerialNumber text1-10
        num: quantity!
        num?: netSum grossSum netPrice grossPrice invoicedQuantity invoicedNetSum invoicedGrossSum
            numeric1-5
        bool?: isDeleted notifyFault
        int?: goodsReceiptType receiveMethod
        text ..100?: voucherNumber serviceEntrySheetDocId
        date?: fiscalYear deliveryDate date1-5
        text ..255?: comment
        [OrderLineCodingEntity]?: receiptCoding
    """,
    "OrderLineUserEntity": """
        text ..36?: userExternalCode
        text ..250?: userEmail
        enum Buyer|Owner|ReferencePerson|Other?: userRole
        date: lastUpdated
    """,
    "TransferResponseEntity": """
        text 1..36: externalCode!
        bool: success! paymentBlock!
        text 1..250: responseMessage!
        text ..32?: sourceSystem
        text ..25?: voucherNumber1 voucherNumber2
        date?: transferDate
    """,
    "PrebookResponseEntity": """
        text 1..36: externalCode!
        bool: success! paymentBlock!
        text 1..250: responseMessage!
        text ..32?: sourceSystem
        text ..25?: voucherNumber1 voucherNumber2
        date?: prebookDate
    """,
    "PaymentResponseEntity": """
        text 1..36: externalCode!
        bool: success! paymentBlock!
        text ..250?: responseMessage paymentNumber paymentDocument paymentReversalDocument
        text ..32?: sourceSystem
        date?: paymentDate
        text ..25?: paymentTermCode paymentMethod checkNumber
        num?: paidTotal cashDiscount
        text ..100?: paymentMessage
    """,
    "Subscription-Input": """
        text 1..: taskType! webhookAuthenticationToken!
        text: taskSubType
        enum Webhook|Polling: subscriptionType!
        text 1..2083: notificationWebhookURL!
        date: lastUpdated
    """,
    "ProcessingStatusGetBatchRequest": """
        [text]?: requestIds
    """,
}
